/**
 * How many legs, one after the other, come before the first authorized MCP request. Requests that overlap at the
 * servers are one leg: the next begins with a request that came after all of the leg before were answered.
 *
 * @param {readonly { kind: string; authorized: boolean; start: number; end: number }[]} records
 */
export function legsBeforeAuthorized(records) {
  const inOrder = [...records].sort((a, b) => a.start - b.start);
  const first = inOrder.findIndex(({ kind, authorized }) => kind === "mcp" && authorized);
  let legs = 0;
  let busyUntil = Number.NEGATIVE_INFINITY;
  for (const { start, end } of inOrder.slice(0, first)) {
    if (start >= busyUntil) legs += 1;
    busyUntil = Math.max(busyUntil, end);
  }
  return legs;
}
