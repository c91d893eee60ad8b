/** What this process has computed so far, in seconds: not longer on a machine that has other things to do. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
