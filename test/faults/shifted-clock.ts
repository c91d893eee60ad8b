import { fakeClock } from "../support/fake-clock.js";
import { patience, turn } from "./patience.js";
import type { WatchedFetch } from "./watched-fetch.js";
import type { ShiftedClock } from "./world.js";

export interface WorldClock extends ShiftedClock {
  /** Lets time pass until the promise is settled. */
  until<T>(promise: Promise<T>): Promise<T>;
}

// No expected event takes longer. Timers that are due later only keep the process alive, or never run.
const longestWait = 3_600_000;

// Before a request is sent, the runtime may read files of secrets, keys and authorities, which takes real time.
const maxTurnsForFiles = 10 * patience;

// Before and between the reads of files there can be turns without any read, for example for the import of a loaded
// module. This is so while a call is awaited, which may be the first one.
const quietTurnsOfCall = 4;

/** Resolves when this process reads no file and resolves no name, and threads that sign have had time to finish. */
async function untilFilesAreRead(enoughTurns: number): Promise<void> {
  const isReading = () =>
    process.getActiveResourcesInfo().some((name) => /^(?:FSReq|GetAddrInfo)/.test(name));
  let turns = 0;
  let quietTurns = 0;
  while (quietTurns < enoughTurns && turns < maxTurnsForFiles) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    turns += 1;
    quietTurns = isReading() ? 0 : quietTurns + 1;
  }
}

/** Creates a clock that moves only on request, and only after the requests in progress have got what they wait for. */
export function createShiftedClock(
  requests: Pick<WatchedFetch, "idle" | "moves">,
  start = Date.now(),
): WorldClock {
  const clock = fakeClock(start);
  let jumpedBy = 0;

  async function untilQuiet(turns: number): Promise<void> {
    let before: number;
    do {
      before = requests.moves;
      await requests.idle();
      await untilFilesAreRead(turns);
      await clock.settle();
    } while (requests.moves !== before);
  }

  /** Runs the next timer that is due by `end`. Returns false if there is none. */
  async function step(end: number, turns = 1): Promise<boolean> {
    await untilQuiet(turns);
    const [next] = clock.pending;
    if (next === undefined || next.dueAt > end) return false;
    await clock.advance(Math.max(next.dueAt - clock.now(), 0));
    return true;
  }

  return {
    now: clock.now,
    setTimeout: clock.setTimeout,
    serverTime: () => clock.now() - jumpedBy,
    async skip(milliseconds) {
      const end = clock.now() + milliseconds;
      while (await step(end));
      await clock.advance(end - clock.now());
      await untilQuiet(1);
    },
    async until(promise) {
      let settled = false;
      const settle = () => {
        settled = true;
      };
      promise.then(settle, settle);
      await untilQuiet(quietTurnsOfCall);
      let turns = 0;
      while (!settled) {
        if (await step(clock.now() + longestWait, quietTurnsOfCall)) turns = 0;
        else {
          if (turns === patience)
            throw new Error("No timer or request is left that could settle the promise.");
          turns += 1;
          await turn();
        }
        await untilQuiet(1);
      }
      return await promise;
    },
    jump(milliseconds) {
      jumpedBy += milliseconds;
      clock.jump(milliseconds);
    },
    stall: clock.stall,
    settle: clock.settle,
    get waiting() {
      return clock.pending.length;
    },
  };
}
