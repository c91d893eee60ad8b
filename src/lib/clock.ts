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

/** A class, because every manager has a timer, and two functions would take more memory than the timer. */
class SystemTimer implements ClockTimer {
  readonly #timer: NodeJS.Timeout;

  constructor(timer: NodeJS.Timeout) {
    this.#timer = timer;
  }

  unref(): void {
    this.#timer.unref();
  }

  cancel(): void {
    clearTimeout(this.#timer);
  }
}

export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout(callback, milliseconds) {
    return new SystemTimer(setTimeout(callback, Math.min(Math.max(milliseconds, 0), longestTimer)));
  },
};
