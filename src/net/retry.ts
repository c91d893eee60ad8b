/**
 * Returns whether a request that got this HTTP status may succeed later without a change on our side: 408 (Request
 * Timeout), 429 (Too Many Requests) and 5xx.
 */
export function isTemporaryStatus(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/**
 * Returns the milliseconds to wait after failed attempt number `attempt`, counted from 1: a random share of a bound
 * that starts at `min`, doubles with each attempt and stops at `max`. With this full jitter, the clients of a fleet do
 * not retry at the same time.
 */
export function backoffDelay(
  attempt: number,
  bounds: { readonly min: number; readonly max: number },
  random: () => number,
): number {
  // 2 ** 52 is beyond any bound. With more doublings the factor becomes infinite, and a `min` of zero times it is
  // `NaN`.
  const doublings = Math.min(Math.max(attempt - 1, 0), 52);
  return random() * Math.min(bounds.max, bounds.min * 2 ** doublings);
}
