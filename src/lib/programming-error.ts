/**
 * Whether an error shows a fault in our code: the engine threw it, such as `TypeError: x is not a function`. Node.js gives
 * the errors that it throws about arguments, keys and the system a `code`. A `catch` for those lets the others through.
 */
export function isProgrammingError(error: unknown): boolean {
  if (!(error instanceof Error) || "code" in error) return false;
  return error instanceof TypeError || error instanceof ReferenceError || error instanceof RangeError;
}
