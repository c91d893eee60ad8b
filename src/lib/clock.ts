/** A timer. After `unref()`, it does not keep the process alive. */
export interface ClockTimer {
  unref(): void;
  cancel(): void;
}

/** The source of time: milliseconds since the epoch, and one-shot timers. Tests pass a fake clock. */
export interface Clock {
  now(): number;
  setTimeout(callback: () => void, milliseconds: number): ClockTimer;
}

// `setTimeout` keeps the delay in a signed 32-bit integer, so that a longer one fires at once.
const longestTimer = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout(callback, milliseconds) {
    const timer = setTimeout(callback, Math.min(Math.max(milliseconds, 0), longestTimer));
    return { unref: () => void timer.unref(), cancel: () => clearTimeout(timer) };
  },
};
