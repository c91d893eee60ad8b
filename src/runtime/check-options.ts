import { McpAuthError } from "../errors/error.js";
import { isAbortSignal } from "../lib/abort-signal.js";
import { isScope } from "../lib/scopes.js";

// Arguments of public functions are checked at the entry, because JavaScript can pass any value. Further inside, a
// wrong value would fail late and without a code.

/** Returns the error `config_invalid` for a mistake of the caller. */
export function misuse(problem: string, server?: string): McpAuthError {
  const message = server === undefined ? problem : `Server "${server}": ${problem}`;
  return new McpAuthError("config_invalid", message, { server });
}

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

/** What a caller has passed as options. */
export type Given = Readonly<Record<string, unknown>>;

/** Throws `config_invalid` for a value that is no object. */
export function assertObject(value: unknown, what: string, server?: string): asserts value is Given {
  if (typeof value !== "object" || value === null) throw misuse(`${what} an object.`, server);
}

function isListOf(value: unknown, isValid: (text: string) => boolean): value is readonly string[] {
  if (!Array.isArray(value)) return false;
  // `Array.from` also visits the holes of a list.
  return Array.from(value, (item: unknown) => typeof item === "string" && isValid(item)).every(Boolean);
}
