/**
 * Returns whether an error shows a fault in our code, such as `TypeError: x is not a function`. The JavaScript engine
 * throws these errors without a `code`. Errors of Node.js about arguments, keys and the system have one, so a `catch`
 * that handles those can throw the others again.
 */
export function isProgrammingError(error: unknown): boolean {
  if (!(error instanceof Error) || "code" in error) return false;
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
}
