/** What this process has computed so far, in seconds: other work of the machine does not count. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** CPU seconds of the work below on the machine that the limits of the tests were chosen on. */
const usual = 0.02;

/**
 * How many times longer this machine takes for a piece of work than the one that limits in CPU seconds were chosen on; 1 where
 * it is as fast or faster. The least of some tries: others share its caches, and the first one is compiled meanwhile.
 */
export function slowness(): number {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const started = cpuSeconds();
    work();
    least = Math.min(least, cpuSeconds() - started);
  }
  return Math.max(1, least / usual);
}

let sink = 0;
function work(): void {
  const text = "a=b, ".repeat(500_000);
  for (const { index } of text.matchAll(/[a-z]=[a-z]/g)) sink = (sink * 31 + index) | 0;
}
