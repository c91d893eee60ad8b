import type { Clock } from "../../../src/lib/clock.js";

export interface ManualClock extends Clock {
  /** Timers that wait. */
  readonly pending: number;
  advance(milliseconds: number): void;
}

/** A clock that stands still until told. */
export function manualClock(start = 1_000_000): ManualClock {
  let now = start;
  const timers = new Set<{ at: number; callback: () => void }>();
  return {
    now: () => now,
    setTimeout(callback, milliseconds) {
      const timer = { at: now + milliseconds, callback };
      timers.add(timer);
      return { unref: () => {}, cancel: () => void timers.delete(timer) };
    },
    get pending() {
      return timers.size;
    },
    advance(milliseconds) {
      now += milliseconds;
      for (const timer of [...timers].filter(({ at }) => at <= now)) {
        timers.delete(timer);
        timer.callback();
      }
    },
  };
}
