/**
 * Returns the number of sequential round trips before the first authorized MCP request. Requests that overlap at the
 * servers are one round trip. The next one starts with the first request after all of them were answered.
 *
 * @param {readonly { kind: string; authorized: boolean; start: number; end: number }[]} records
 */
export function roundTripsBeforeAuthorized(records) {
  const inOrder = [...records].sort((a, b) => a.start - b.start);
  const first = inOrder.findIndex(({ kind, authorized }) => kind === "mcp" && authorized);
  let roundTrips = 0;
  let busyUntil = Number.NEGATIVE_INFINITY;
  for (const { start, end } of inOrder.slice(0, first)) {
    if (start >= busyUntil) roundTrips += 1;
    busyUntil = Math.max(busyUntil, end);
  }
  return roundTrips;
}
