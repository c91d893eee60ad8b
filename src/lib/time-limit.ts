import type { Clock, ClockTimer } from "./clock.js";

export interface TimeLimitOptions {
  /**
   * Whether the process may exit while the timer runs. `false` where somebody waits and nothing else keeps the process
   * alive.
   */
  readonly unref: boolean;
}

/** Milliseconds. Only a blocked event loop, or a clock that was set, makes a timer later than this. */
const lateTimer = 100;
/** Milliseconds in which a response that arrived while the event loop was blocked is read. */
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
  let left = steps;
  // A step that ends late counts as one step.
  const startStep = (): ClockTimer => {
    const timer = clock.setTimeout(() => {
      left -= 1;
      if (left === 0) return onPassed();
      current = startStep();
    }, milliseconds / steps);
    if (unref) timer.unref();
    return timer;
  };
  let current = startStep();
  return { unref: () => current.unref(), cancel: () => current.cancel() };
}
