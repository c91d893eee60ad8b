import { setTimeout as delay } from "node:timers/promises";
import type { Clock } from "../../src/lib/clock.js";

export interface PendingTimer {
  /** Milliseconds since the epoch. */
  readonly dueAt: number;
  /** Requested delay in milliseconds. */
  readonly delay: number;
  /** Whether the timer was unref'd, so that it would not keep the process running. */
  readonly unrefd: boolean;
}

/** A clock for tests that moves only when a test moves it. */
export interface FakeClock extends Clock {
  /** Pending timers, the next one first. */
  readonly pending: readonly PendingTimer[];
  /**
   * Moves forward by a number of milliseconds. Stops at each timer on the way, runs it, and lets promises settle before
   * it continues.
   */
  advance(milliseconds: number): Promise<void>;
  /** Lets promises settle without moving the clock. */
  settle(): Promise<void>;
  /** Sets the clock forward or back. Pending timers still wait for their full delay, as real ones do. */
  jump(milliseconds: number): void;
  /** Moves forward without running timers, as if the event loop were blocked. `advance` then runs them late. */
  stall(milliseconds: number): void;
}

interface Timer {
  dueAt: number;
  readonly delay: number;
  readonly callback: () => void;
  unrefd: boolean;
}

// A lazy import takes some turns of the event loop even once the module is loaded.
const defaultTurns = 6;
// Milliseconds. A file that is read takes longer on a busy machine; a pipe that nobody writes to is read forever.
const longestRead = 200;
// Without a limit, a timer that sets itself again without delay would keep `advance` running forever.
const maximumTimers = 100_000;

/**
 * Creates a fake clock. Each time promises have to settle, the clock waits for `turns` turns of the event loop, and for
 * files that are being read or written.
 */
export function fakeClock(start = Date.UTC(2026, 0, 1), turns = defaultTurns): FakeClock {
  let now = start;
  // In the order in which they were set: timers that are due at the same time run in this order.
  const timers = new Set<Timer>();
  const inOrder = () => [...timers].sort((a, b) => a.dueAt - b.dueAt);

  async function settle(): Promise<void> {
    for (let waited = 0; ; waited += 1) {
      for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      if (waited === longestRead || !usesFiles()) return;
      await delay(1);
    }
  }

  return {
    now: () => now,
    setTimeout(callback, milliseconds) {
      if (Number.isNaN(milliseconds)) throw new RangeError("The delay of a timer is not a number.");
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
        if (fired === maximumTimers) throw new Error("Timers keep setting each other without end.");
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

function usesFiles(): boolean {
  return process.getActiveResourcesInfo().some((resource) => resource.startsWith("FSReq"));
}
