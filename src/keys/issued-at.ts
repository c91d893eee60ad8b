/** Seconds. */
const backdating = 5;

/**
 * Returns the `iat` of a JWT, RFC 7519 §4.1.6. It is a few seconds in the past, because a server whose clock is behind
 * ours refuses a JWT from the future, and its `Date` header shows the difference only to the second. For a very short
 * lifetime, it is at most half of the lifetime in the past. `now` is in milliseconds since the epoch, `lifetime` in
 * seconds.
 */
export function issuedAt(now: number, lifetime: number = Number.POSITIVE_INFINITY): number {
  return Math.floor(now / 1_000) - Math.min(backdating, Math.floor(lifetime / 2));
}
