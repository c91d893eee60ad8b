import type { Clock, ClockTimer } from "./clock.js";

// Later than this no timer is but in an event loop that was blocked, or on a clock that was set.
const late = 100;
/** Milliseconds for what has arrived meanwhile to be read. */
const grace = 50;

/**
 * Calls `onPassed` when the time for something is up. An event loop that was blocked runs its timers before it reads what
 * has arrived: a timer that is late gives the answer, which may be there, that chance. Keeps no process alive, unless it is
 * `attended`: nothing else may, of what somebody waits for.
 */
export function timeLimit(
  clock: Clock,
  milliseconds: number,
  onPassed: () => void,
  { attended = false }: { readonly attended?: boolean } = {},
): ClockTimer {
  const due = clock.now() + milliseconds;
  let timer = clock.setTimeout(() => {
    if (clock.now() - due <= late) return onPassed();
    timer = clock.setTimeout(onPassed, grace);
    if (!attended) timer.unref();
  }, milliseconds);
  if (!attended) timer.unref();
  return { unref: () => timer.unref(), cancel: () => timer.cancel() };
}
