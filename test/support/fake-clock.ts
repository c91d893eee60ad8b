import type { Clock } from "../../src/lib/clock.js";

export interface PendingTimer {
  /** Milliseconds since the epoch. */
  readonly dueAt: number;
  /** Milliseconds that were asked for. */
  readonly delay: number;
  /** Whether it would let the process end. */
  readonly unrefd: boolean;
}

/** A clock that stands still until told, for tests. */
export interface FakeClock extends Clock {
  /** Timers that wait, the next one first. */
  readonly pending: readonly PendingTimer[];
  /**
   * Moves on by so many milliseconds: stops at each timer on the way, runs it, and lets the promises that hang on it
   * settle before it goes on.
   */
  advance(milliseconds: number): Promise<void>;
  /** Lets promises settle without any time passing. */
  settle(): Promise<void>;
  /** Sets the clock forward or back. Timers wait as long as before: they do not look at it. */
  jump(milliseconds: number): void;
  /** Lets time pass without any timer running, as when the event loop is blocked; `advance` then runs them late. */
  stall(milliseconds: number): void;
}

interface Timer {
  dueAt: number;
  readonly delay: number;
  readonly callback: () => void;
  unrefd: boolean;
}

// A lazy import takes some turns of the event loop even once the module is loaded.
const mostTurns = 6;
// A timer that sets itself anew without any time passing would keep `advance` busy for ever.
const mostTimers = 100_000;

/** `turns` of the event loop are given to promises whenever they are to settle. */
export function fakeClock(start = Date.UTC(2026, 0, 1), turns = mostTurns): FakeClock {
  let now = start;
  // In the order in which they were set, which is the order of those due at one moment.
  const timers = new Set<Timer>();
  const inOrder = () => [...timers].sort((a, b) => a.dueAt - b.dueAt);

  async function settle(): Promise<void> {
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }

  return {
    now: () => now,
    setTimeout(callback, milliseconds) {
      if (Number.isNaN(milliseconds)) throw new RangeError("A timer needs a number of milliseconds.");
      const delay = Math.max(milliseconds, 0);
      const timer: Timer = { dueAt: now + delay, delay, callback, unrefd: false };
      timers.add(timer);
      return {
        unref() {
          timer.unrefd = true;
        },
        cancel: () => void timers.delete(timer),
      };
    },
    get pending() {
      return inOrder().map(({ dueAt, delay, unrefd }) => ({ dueAt, delay, unrefd }));
    },
    async advance(milliseconds) {
      const end = now + milliseconds;
      await settle();
      for (let fired = 0; ; fired += 1) {
        const [next] = inOrder();
        if (next === undefined || next.dueAt > end) break;
        if (fired === mostTimers) throw new Error("Timers set each other without end.");
        now = Math.max(now, next.dueAt);
        timers.delete(next);
        next.callback();
        await settle();
      }
      now = end;
    },
    settle,
    jump(milliseconds) {
      now += milliseconds;
      for (const timer of timers) timer.dueAt += milliseconds;
    },
    stall(milliseconds) {
      now += milliseconds;
    },
  };
}
