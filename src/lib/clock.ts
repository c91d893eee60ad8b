/** A timer that never keeps the process alive once `unref()` was called. */
export interface ClockTimer {
  unref(): void;
  cancel(): void;
}

/** Time as the runtime sees it: milliseconds since the epoch, and one-shot timers. */
export interface Clock {
  now(): number;
  setTimeout(callback: () => void, milliseconds: number): ClockTimer;
}

// A longer delay fires at once: `setTimeout` keeps it in a signed 32-bit integer.
const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout(callback, milliseconds) {
    const timer = setTimeout(callback, Math.min(Math.max(milliseconds, 0), longestTimer));
    return { unref: () => void timer.unref(), cancel: () => clearTimeout(timer) };
  },
};
