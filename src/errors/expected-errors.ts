// Tells errors that a `catch` expects from mistakes in our code, which must stay visible.
import { McpAuthError } from "./error.js";

/** Returns the `code` of an error of Node or of the operating system, such as `ENOENT`; `undefined` if it has none. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Returns the code of an error of the operating system, such as `EACCES`; `undefined` for any other error. */
export function systemErrorCode(error: unknown): string | undefined {
  const code = errorCode(error);
  // The codes of Node's own errors, such as `ERR_INVALID_ARG_TYPE`, have an underscore.
  return code !== undefined && /^E[A-Z0-9]{1,30}$/.test(code) ? code : undefined;
}

/** Returns whether an error has one of these codes. */
export function hasErrorCode(error: unknown, ...codes: readonly string[]): boolean {
  const code = errorCode(error);
  return code !== undefined && codes.includes(code);
}

/**
 * Returns whether an error shows a mistake in our code, such as `TypeError: x is not a function`. The JavaScript engine
 * throws these errors without a `code`. Errors of Node.js about arguments, keys and the system have one, so a `catch`
 * that handles those can throw the others again.
 */
export function isProgrammingError(error: unknown): error is Error {
  if (!(error instanceof Error) || "code" in error) return false;
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
}

const notedMistakes = new WeakSet<Error>();

/**
 * Notes that an error comes from our code and not from the `fetch` that our code calls, because a `fetch` rejects with
 * errors of the same classes. Returns the error.
 */
export function noteMistake(error: unknown): unknown {
  if (isProgrammingError(error)) notedMistakes.add(error);
  return error;
}

/** Returns whether `noteMistake` has noted an error as a mistake in our code. */
export function isNotedMistake(error: unknown): boolean {
  return error instanceof Error && notedMistakes.has(error);
}

/** Ignores an error of the operating system, such as `ENOENT`. Throws any other error again. */
export function ignoreSystemError(error: unknown): void {
  if (systemErrorCode(error) === undefined) throw error;
}

/** Ignores an `McpAuthError` of work whose result the caller does not need. Throws any other error again. */
export function ignoreFailure(error: unknown): undefined {
  if (error instanceof McpAuthError) return undefined;
  throw error;
}

/** The mistakes that a warning has reported. */
const reportedMistakes = new Set<string>();

/**
 * Ignores an `McpAuthError` of background work, because an event has reported it. Nobody awaits the work, so for any
 * other error, a process warning says once where the mistake is.
 */
export function ignoreFailureInBackground(error: unknown): void {
  if (error instanceof McpAuthError) return;
  const mistake = error instanceof Error ? nameAndPlace(error) : typeof error;
  if (reportedMistakes.has(mistake)) return;
  reportedMistakes.add(mistake);
  const message = `Background work failed with ${mistake}. Report this to mcp-auth-runtime.`;
  process.emitWarning(message, "McpAuthWarning");
}

/**
 * Returns the name of an error and the place where it was thrown, without its message, which may contain a secret and
 * lines that look like those of a stack.
 */
export function nameAndPlace({ name, message, stack = "" }: Error): string {
  const frames = stack.slice(stack.indexOf(message) + message.length).split("\n");
  const place = frames.find((line) => /^\s+at /.test(line));
  return place === undefined ? name : `${name} ${place.trim()}`;
}
