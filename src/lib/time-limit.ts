import type { Clock, ClockTimer } from "./clock.js";

export interface TimeLimitOptions {
  /**
   * Whether the process may exit while the timer runs. Use `false` where a caller waits and nothing else keeps the
   * process alive.
   */
  readonly unref: boolean;
}

/** In milliseconds. A timer is later than this only if the event loop was blocked or the clock was set. */
const lateTimer = 100;
/** In milliseconds: the time to read a response that arrived while the event loop was blocked. */
const grace = 50;

/**
 * Calls `onPassed` after a number of milliseconds.
 *
 * An event loop that was blocked runs its timers before it reads from sockets. If the timer is late, the limit
 * therefore waits for another moment, so that a response that has already arrived counts.
 */
export function timeLimit(
  clock: Clock,
  milliseconds: number,
  onPassed: () => void,
  { unref }: TimeLimitOptions,
): ClockTimer {
  const due = clock.now() + milliseconds;
  let timer = clock.setTimeout(() => {
    if (clock.now() - due <= lateTimer) return onPassed();
    timer = clock.setTimeout(onPassed, grace);
    if (unref) timer.unref();
  }, milliseconds);
  if (unref) timer.unref();
  return { unref: () => timer.unref(), cancel: () => timer.cancel() };
}

/** A `workingTimeLimit` is measured in this many steps. */
const steps = 10;

/**
 * Calls `onPassed` after a number of milliseconds in which this process could run. Where fifty processes start at once
 * on two processors, a response may have arrived long before the process gets to read it; that time does not count.
 */
export function workingTimeLimit(
  clock: Clock,
  milliseconds: number,
  onPassed: () => void,
  { unref }: TimeLimitOptions,
): ClockTimer {
  let stepsLeft = steps;
  // A step that ends late, because the process could not run, counts as one step.
  const startStep = (): ClockTimer => {
    const timer = clock.setTimeout(() => {
      stepsLeft -= 1;
      if (stepsLeft === 0) return onPassed();
      current = startStep();
    }, milliseconds / steps);
    if (unref) timer.unref();
    return timer;
  };
  let current = startStep();
  return { unref: () => current.unref(), cancel: () => current.cancel() };
}
