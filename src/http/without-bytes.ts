/** `fetch` wraps what its parser throws, which is under an error or two. */
const deepest = 4;

/**
 * Removes from an error of `fetch` the bytes that its HTTP parser could not read. A server can put the request into them,
 * with the token, and the error is the caller's to log. Everything else is left as `fetch` made it.
 */
export function withoutBytes(error: unknown): unknown {
  let inner = error;
  for (let depth = 0; depth <= deepest && inner instanceof Error; depth += 1) {
    if ("data" in inner) Reflect.deleteProperty(inner, "data");
    inner = inner.cause;
  }
  return error;
}
