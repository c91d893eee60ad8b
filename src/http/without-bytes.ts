/** Levels of `cause` that are searched. `fetch` wraps the error of its parser once or twice. */
const maxDepth = 4;

/**
 * Removes from an error of `fetch` the bytes that its HTTP parser could not read. A server can copy the request with
 * the token into them, and the caller may log the error. The rest of the error stays unchanged.
 */
export function withoutBytes(error: unknown): unknown {
  let inner = error;
  for (let depth = 0; depth <= maxDepth && inner instanceof Error; depth += 1) {
    if ("data" in inner) Reflect.deleteProperty(inner, "data");
    inner = inner.cause;
  }
  return error;
}
