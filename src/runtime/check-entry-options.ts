import { isAbortSignal } from "../lib/abort-signal.js";
import { assertKnownOptions } from "../lib/known-options.js";
import { assertObject, type Given, misuse } from "./check-options.js";
import type { DiscoverOptions } from "./discover-options.js";
import type { McpAuthOptions } from "./mcp-auth-options.js";

const discoverOptions: Readonly<Record<keyof DiscoverOptions, true>> = {
  fetch: true,
  timeout: true,
  signal: true,
  network: true,
};

/** Throws `config_invalid` for wrong options of `discover`. `network` is checked when it is read. */
export function assertDiscoverOptions(options: unknown): void {
  assertObject(options, "The options of discover() must be");
  assertKnownOptions("discover", options, discoverOptions);
  const { fetch, timeout, signal }: Given = options;
  if (fetch !== undefined && typeof fetch !== "function") {
    throw misuse("The option `fetch` of discover() must be a function.");
  }
  if (timeout !== undefined && !(typeof timeout === "number" && timeout > 0)) {
    throw misuse("The option `timeout` of discover() must be a number of milliseconds.");
  }
  if (signal !== undefined && signal !== null && !isAbortSignal(signal)) {
    throw misuse("The option `signal` of discover() must be an AbortSignal.");
  }
}

/** Throws `config_invalid` for wrong options of `createMcpAuth`. `allow` and `store` are checked when they are read. */
export function assertRuntimeOptions(options: unknown): void {
  const call = "createMcpAuth";
  assertObject(options, `The options of ${call}() must be`);
  assertKnownOptions(call, options, runtimeOptions);
  for (const [name, mustBe] of Object.entries(runtimeOptions)) {
    const value = options[name];
    const form = value === undefined ? undefined : mustBe(value);
    if (form !== undefined) throw misuse(`The option \`${name}\` of ${call}() must be ${form}.`);
  }
}

/** The options of `createMcpAuth`, each with a function that returns what a wrong value must be. */
const runtimeOptions: Readonly<Record<keyof McpAuthOptions, (value: unknown) => string | undefined>> = {
  config: (value) => (typeof value === "string" ? undefined : isObject(value, "a config or the path of one")),
  cwd: (value) => isA("string", value, "the path of a folder"),
  env: isObject,
  fetch: (value) => isA("function", value, "a function"),
  logger: (value) => hasMethods(value, ["debug", "info", "warn", "error"]),
  resolvers: isObject,
  signers: isObject,
  allowExec: (value) => isA("boolean", value, "true or false"),
  allow: isObject,
  clock: (value) => hasMethods(value, ["now", "setTimeout"]),
  store: isObject,
};

function isA(type: string, value: unknown, form: string): string | undefined {
  return typeof value === type ? undefined : form;
}

function isObject(value: unknown, form = "an object"): string | undefined {
  return typeof value === "object" && value !== null ? undefined : form;
}

function hasMethods(value: unknown, methods: readonly string[]): string | undefined {
  if (typeof value !== "object" || value === null) return "an object";
  // `Reflect.get`, because the type of the object is unknown.
  const missing = methods.find((method) => typeof Reflect.get(value, method) !== "function");
  return missing === undefined ? undefined : `an object with the method \`${missing}\``;
}
