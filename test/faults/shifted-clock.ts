import { fakeClock } from "../support/fake-clock.js";
import { patience, turn } from "./patience.js";
import type { WatchedFetch } from "./watched-fetch.js";
import type { ShiftedClock } from "./world.js";

export interface WorldClock extends ShiftedClock {
  /** Lets time pass until the promise is settled. */
  until<T>(promise: Promise<T>): Promise<T>;
}

// Nothing that is waited for takes longer: what is due later is there to keep the process alive, or never comes.
const longestWait = 3_600_000;

// What else a request may wait for before it is made takes real time: files of secrets, keys and authorities.
const mostReading = 10 * patience;

// Before the first read of a file, and between two, there can be turns in which nothing is read: a module that was loaded
// long ago is imported, or the stats of a file are judged. That is so where a call is waited for, which may be the first.
const turnsOfCall = 4;

/** Resolves once this process reads no file and looks up no name, and what signs in other threads had its turn. */
async function filesRead(enoughTurns: number): Promise<void> {
  const isReading = () =>
    process.getActiveResourcesInfo().some((name) => /^(?:FSReq|GetAddrInfo)/.test(name));
  let turns = 0;
  let quietTurns = 0;
  while (quietTurns < enoughTurns && turns < mostReading) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    turns += 1;
    quietTurns = isReading() ? 0 : quietTurns + 1;
  }
}

/** A clock that moves when told, and not before the requests under way have got what they wait for. */
export function shiftedClock(requests: Pick<WatchedFetch, "idle" | "moves">, start = Date.now()): WorldClock {
  const clock = fakeClock(start);
  let jumped = 0;

  async function quiet(turns: number): Promise<void> {
    let before: number;
    do {
      before = requests.moves;
      await requests.idle();
      await filesRead(turns);
      await clock.settle();
    } while (requests.moves !== before);
  }

  /** Runs the next timer that is due by then; false when there is none. */
  async function step(end: number, turns = 1): Promise<boolean> {
    await quiet(turns);
    const [next] = clock.pending;
    if (next === undefined || next.dueAt > end) return false;
    await clock.advance(Math.max(next.dueAt - clock.now(), 0));
    return true;
  }

  return {
    now: clock.now,
    setTimeout: clock.setTimeout,
    serverTime: () => clock.now() - jumped,
    async skip(milliseconds) {
      const end = clock.now() + milliseconds;
      while (await step(end));
      await clock.advance(end - clock.now());
      await quiet(1);
    },
    async until(promise) {
      let settled = false;
      const settle = () => {
        settled = true;
      };
      promise.then(settle, settle);
      await quiet(turnsOfCall);
      let turns = 0;
      while (!settled) {
        if (await step(clock.now() + longestWait, turnsOfCall)) turns = 0;
        else {
          if (turns === patience) throw new Error("Nothing is left that could settle it.");
          turns += 1;
          await turn();
        }
        await quiet(1);
      }
      return await promise;
    },
    jump(milliseconds) {
      jumped += milliseconds;
      clock.jump(milliseconds);
    },
    stall: clock.stall,
    settle: clock.settle,
    get waiting() {
      return clock.pending.length;
    },
  };
}
