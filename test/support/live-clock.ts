// A fake clock for tests with real servers. Apart from the servers and clients of the integration tests, because those
// take long to load.
import type { FetchFunction } from "../../src/index.js";
import { type FakeClock, fakeClock } from "./fake-clock.js";

export interface LiveClock {
  readonly clock: FakeClock;
  /** A `fetch` for the runtime that uses the clock. `advance` waits for its requests before it moves on. */
  readonly fetch: FetchFunction;
  /** Moves forward timer by timer, and waits for the requests that each timer causes. */
  advance(milliseconds: number): Promise<void>;
  /** Lets promises settle and waits for the requests of `fetch`, without moving the clock. */
  quiet(): Promise<void>;
}

// Imported up front, because a moving clock does not wait for lazy imports.
await Promise.all([
  import("node-cron"),
  import("oauth4webapi"),
  import("p-retry"),
  import("../../src/schedule/cron.js"),
  import("../../src/oauth/grants/create-grant.js"),
]);

/** Creates a clock for tests with real servers. It starts now, because the servers' tokens expire by real time. */
export function liveClock(start = Date.now()): LiveClock {
  const clock = fakeClock(start);
  let pendingRequests = 0;
  const quiet = async (): Promise<void> => {
    do await clock.settle();
    while (pendingRequests > 0);
  };
  return {
    clock,
    quiet,
    async fetch(input, init) {
      pendingRequests += 1;
      try {
        const response = await globalThis.fetch(input, init);
        const body = await response.arrayBuffer();
        const { status, headers } = response;
        return new Response([204, 205, 304].includes(status) ? null : body, { status, headers });
      } finally {
        pendingRequests -= 1;
      }
    },
    async advance(milliseconds) {
      const end = clock.now() + milliseconds;
      for (;;) {
        await quiet();
        const [next] = clock.pending;
        if (next === undefined || next.dueAt > end) break;
        await clock.advance(next.dueAt - clock.now());
      }
      await clock.advance(end - clock.now());
      await quiet();
    },
  };
}
