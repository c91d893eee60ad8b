/** Returns the CPU time of this process in seconds, which other processes on the machine do not affect. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** How many CPU seconds `work` takes on the machine on which the limits of the tests were chosen. */
const referenceSeconds = 0.02;

/**
 * Returns how many times slower this machine is than the one on which limits in CPU seconds were chosen, at least 1.
 * Measured once, as the best of several attempts, because other processes share the caches and the first attempt includes
 * compilation.
 */
export function slowness(): number {
  measured ??= measureSlowness();
  return measured;
}

let measured: number | undefined;
function measureSlowness(): number {
  let least = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const started = cpuSeconds();
    work();
    least = Math.min(least, cpuSeconds() - started);
  }
  return Math.max(1, least / referenceSeconds);
}

let sink = 0;
function work(): void {
  const text = "a=b, ".repeat(500_000);
  for (const { index } of text.matchAll(/[a-z]=[a-z]/g)) sink = (sink * 31 + index) | 0;
}
