/**
 * Milliseconds to wait after failed attempt number `attempt` (from 1): a uniform share of a bound that starts at
 * `min`, doubles with each attempt and stops at `max`. Full jitter keeps a fleet from asking in step.
 */
export function backoffDelay(
  attempt: number,
  bounds: { readonly min: number; readonly max: number },
  random: () => number,
): number {
  // 2 ** 52 is beyond any bound and still far from infinity, which times a `min` of zero is not a number.
  const doublings = Math.min(Math.max(attempt - 1, 0), 52);
  return random() * Math.min(bounds.max, bounds.min * 2 ** doublings);
}
