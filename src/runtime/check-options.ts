import { McpAuthError } from "../errors/error.js";
import { isAbortSignal } from "../lib/abort-signal.js";
import { isScope } from "../lib/scope.js";

// Arguments of public functions are checked at the entry, because JavaScript can pass any value. Further inside, a
// wrong value
// would fail late and without a code.

/** Returns `config_invalid` for a mistake of the caller. */
export function misuse(problem: string, server?: string): McpAuthError {
  const message = server === undefined ? problem : `Server "${server}": ${problem}`;
  return new McpAuthError("config_invalid", message, { server });
}

/** Throws `config_invalid` for wrong options of `getAccessToken`, `getToken` or `getHeaders`. */
export function assertTokenOptions(server: string, options: unknown): void {
  assertObject(options, "the options are", server);
  const { scopes, forceRefresh, signal }: Given = options;
  if (scopes !== undefined && !isListOf(scopes, isScope)) {
    const form = "each printable ASCII without spaces, quotes and backslashes (RFC 6749 §3.3)";
    throw misuse(`the option \`scopes\` is a list of scopes, ${form}.`, server);
  }
  if (forceRefresh !== undefined && typeof forceRefresh !== "boolean") {
    throw misuse("the option `forceRefresh` is true or false.", server);
  }
  if (signal !== undefined && signal !== null && !isAbortSignal(signal)) {
    throw misuse("the option `signal` is an AbortSignal.", server);
  }
}

/** Throws `config_invalid` for wrong options of `getHeaders`. */
export function assertHeaderOptions(server: string, options: unknown): void {
  assertTokenOptions(server, options);
  assertObject(options, "the options are", server);
  const { method, url }: Given = options;
  if (method !== undefined && (typeof method !== "string" || method === "")) {
    throw misuse("the option `method` is the method of a request.", server);
  }
  if (url !== undefined && typeof url !== "string" && !(typeof url === "object" && url !== null)) {
    throw misuse("the option `url` is a URL.", server);
  }
}

/** Returns the names in `require`. Throws `config_invalid` if it is no list of strings. */
export function requiredNames(options: unknown): ReadonlySet<string> {
  assertObject(options, "The options of start() are");
  const { require: names = [] }: Given = options;
  if (isListOf(names, () => true)) return new Set(names);
  throw misuse("The option `require` of start() is a list of names of servers.");
}

/** Throws `config_invalid` for wrong options of `discover`. `network` is checked when it is read. */
export function assertDiscoverOptions(options: unknown): void {
  assertObject(options, "The options of discover() are");
  const { fetch, timeout, signal }: Given = options;
  if (fetch !== undefined && typeof fetch !== "function") {
    throw misuse("The option `fetch` of discover() is a function.");
  }
  if (timeout !== undefined && !(typeof timeout === "number" && timeout > 0)) {
    throw misuse("The option `timeout` of discover() is a number of milliseconds.");
  }
  if (signal !== undefined && signal !== null && !isAbortSignal(signal)) {
    throw misuse("The option `signal` of discover() is an AbortSignal.");
  }
}

/** Throws `config_invalid` for wrong options of `createMcpAuth`. `allow` and `store` are checked when they are read. */
export function assertRuntimeOptions(options: unknown): void {
  assertObject(options, "The options of createMcpAuth() are");
  const given: Given = options;
  const wrong = (name: string, form: string) =>
    misuse(`The option \`${name}\` of createMcpAuth() is ${form}.`);
  if (given["fetch"] !== undefined && typeof given["fetch"] !== "function")
    throw wrong("fetch", "a function");
  for (const [name, methods] of Object.entries(shapes)) {
    const value = given[name];
    if (value === undefined) continue;
    if (typeof value !== "object" || value === null) throw wrong(name, "an object");
    // `Reflect.get`, because the type of the object is unknown.
    const missing = methods.find((method) => typeof Reflect.get(value, method) !== "function");
    if (missing !== undefined) throw wrong(name, `an object with the method \`${missing}\``);
  }
  const { cwd, config, allowExec } = given;
  if (cwd !== undefined && typeof cwd !== "string") throw wrong("cwd", "the path of a folder");
  if (allowExec !== undefined && typeof allowExec !== "boolean") throw wrong("allowExec", "true or false");
  if (config !== undefined && typeof config !== "string" && (typeof config !== "object" || config === null)) {
    throw wrong("config", "a config or the path of one");
  }
}

const shapes: Readonly<Record<string, readonly string[]>> = {
  ...{ env: [], resolvers: [], signers: [], allow: [], store: [] },
  clock: ["now", "setTimeout"],
  logger: ["debug", "info", "warn", "error"],
};

type Given = Readonly<Record<string, unknown>>;

function assertObject(value: unknown, what: string, server?: string): asserts value is Given {
  if (typeof value !== "object" || value === null) throw misuse(`${what} an object.`, server);
}

function isListOf(value: unknown, holds: (text: string) => boolean): value is readonly string[] {
  if (!Array.isArray(value)) return false;
  // `Array.from` also visits the holes of a list.
  return Array.from(value, (item: unknown) => typeof item === "string" && holds(item)).every(Boolean);
}
