import type { Clock, ClockTimer } from "./clock.js";

const steps = 10;

/**
 * Calls `onPassed` when the time for something is up, of which only that counts in which this process could work: where fifty
 * start at once on two processors, the answer may long be there, and nobody has come to read it. Keeps no process alive,
 * unless it is `attended`: nothing else may, of what somebody waits for.
 */
export function workingTimeLimit(
  clock: Clock,
  milliseconds: number,
  onPassed: () => void,
  { attended = false }: { readonly attended?: boolean } = {},
): ClockTimer {
  let left = steps;
  // A step that comes late is one step all the same.
  const step = (): ClockTimer => {
    const timer = clock.setTimeout(() => {
      left -= 1;
      if (left === 0) return onPassed();
      current = step();
    }, milliseconds / steps);
    if (!attended) timer.unref();
    return timer;
  };
  let current = step();
  return { unref: () => current.unref(), cancel: () => current.cancel() };
}
