/** Seconds. */
const dating = 5;

/**
 * `iat` of what we sign, RFC 7519 §4.1.6: a few seconds back, because a server whose clock is behind ours refuses what is not
 * issued yet, and `Date` tells the difference only to the second. Of what lives shorter than that, half of its life at the
 * most. `now` is in milliseconds since the epoch, `lifetime` in seconds.
 */
export function issuedAt(now: number, lifetime: number = Number.POSITIVE_INFINITY): number {
  return Math.floor(now / 1_000) - Math.min(dating, Math.floor(lifetime / 2));
}
