import { McpAuthError } from "../errors/error.js";
import { isAbortSignal } from "../lib/abort-signal.js";
import { assertKnownOptions } from "../lib/known-options.js";
import { isScope } from "../lib/scopes.js";
import type { DiscoverOptions } from "./discover-options.js";
import type { McpAuthOptions } from "./mcp-auth-options.js";

// Arguments of public functions are checked at the entry, because JavaScript can pass any value. Further inside, a
// wrong value would fail late and without a code.

/** Returns the error `config_invalid` for a mistake of the caller. */
export function misuse(problem: string, server?: string): McpAuthError {
  const message = server === undefined ? problem : `Server "${server}": ${problem}`;
  return new McpAuthError("config_invalid", message, { server });
}

const discoverOptions: Readonly<Record<keyof DiscoverOptions, true>> = {
  fetch: true,
  timeout: true,
  signal: true,
  network: true,
};

/** Throws `config_invalid` for wrong options of `getAccessToken`, `getToken` or `getHeaders`. */
export function assertTokenOptions(server: string, options: unknown): void {
  assertObject(options, "the options must be", server);
  const { scopes, forceRefresh, signal }: Given = options;
  if (scopes !== undefined && !isListOf(scopes, isScope)) {
    const form = "each printable ASCII without spaces, quotes and backslashes (RFC 6749 §3.3)";
    throw misuse(`the option \`scopes\` must be a list of scopes, ${form}.`, server);
  }
  if (forceRefresh !== undefined && typeof forceRefresh !== "boolean") {
    throw misuse("the option `forceRefresh` must be true or false.", server);
  }
  if (signal !== undefined && signal !== null && !isAbortSignal(signal)) {
    throw misuse("the option `signal` must be an AbortSignal.", server);
  }
}

/** Throws `config_invalid` for wrong options of `getHeaders`. */
export function assertHeaderOptions(server: string, options: unknown): void {
  assertTokenOptions(server, options);
  assertObject(options, "the options must be", server);
  const { method, url }: Given = options;
  if (method !== undefined && (typeof method !== "string" || method === "")) {
    throw misuse("the option `method` must be the method of a request.", server);
  }
  if (url !== undefined && typeof url !== "string" && !(typeof url === "object" && url !== null)) {
    throw misuse("the option `url` must be a URL.", server);
  }
}

/** Returns the names in `require`. Throws `config_invalid` if it is not a list of strings. */
export function requiredNames(options: unknown): ReadonlySet<string> {
  assertObject(options, "The options of start() must be");
  const { require: names = [] }: Given = options;
  if (isListOf(names, () => true)) return new Set(names);
  throw misuse("The option `require` of start() must be a list of server names.");
}

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

type Given = Readonly<Record<string, unknown>>;

function assertObject(value: unknown, what: string, server?: string): asserts value is Given {
  if (typeof value !== "object" || value === null) throw misuse(`${what} an object.`, server);
}

function isListOf(value: unknown, isValid: (text: string) => boolean): value is readonly string[] {
  if (!Array.isArray(value)) return false;
  // `Array.from` also visits the holes of a list.
  return Array.from(value, (item: unknown) => typeof item === "string" && isValid(item)).every(Boolean);
}
