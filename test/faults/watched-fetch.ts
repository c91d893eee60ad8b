import type { FetchFunction } from "../../src/index.js";
import { patience, turn } from "./patience.js";

/** One request of the runtime, whether or not it reached a server. */
export interface Exchange {
  readonly method: string;
  readonly url: string;
  /** The time of the request, in milliseconds since the epoch by the row's clock. */
  readonly at: number;
  /** The number of bytes of the body that were read, after decompression. */
  readonly bytesRead: number;
  /** Whether it waits for a response, or for more of its body. */
  readonly pending: boolean;
}

export interface WatchedFetch {
  readonly fetch: FetchFunction;
  /** In the order of the requests. */
  readonly exchanges: readonly Exchange[];
  /** Sends the requests. The default is the global `fetch`. */
  send: FetchFunction;
  /** Resolves when each pending request waits only for time to pass. */
  idle(): Promise<void>;
  /** Increases with each event of a request. */
  readonly moves: number;
  /** Treats requests to URLs with this prefix as waiting only for time, until the returned function is called. */
  hold(prefix: string): () => void;
  /** Treats the current requests to URLs with this prefix as never answered. */
  stalled(prefix: string): void;
}

interface Entry extends Exchange {
  bytesRead: number;
  pending: boolean;
  /** The number of turns without an event. */
  turns: number;
  held: boolean;
}

const withoutBody: ReadonlySet<number> = new Set([204, 205, 304]);

/** Tracks the requests in progress, so that a fake clock knows when it can move. */
export function createWatchedFetch(now: () => number): WatchedFetch {
  const exchanges: Entry[] = [];
  const holds = new Set<{ readonly prefix: string }>();
  let wake: () => void = () => {};
  const untilWoken = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  let moves = 0;

  const isHeld = (entry: Entry): boolean =>
    entry.held || [...holds].some(({ prefix }) => entry.url.startsWith(prefix));
  const moving = () => exchanges.filter((entry) => entry.pending && !isHeld(entry));

  async function track<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
    entry.pending = true;
    entry.turns = 0;
    moves += 1;
    try {
      return await work();
    } finally {
      entry.pending = false;
      wake();
    }
  }

  function trackBody(response: Response, entry: Entry): Response {
    const { body, status, statusText, headers } = response;
    if (body === null || withoutBody.has(status)) return response;
    const reader = body.getReader();
    const read = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const chunk = await track(entry, () => reader.read());
          entry.bytesRead += chunk.value?.byteLength ?? 0;
          if (chunk.done) controller.close();
          else controller.enqueue(chunk.value);
        },
        cancel: (reason) => reader.cancel(reason),
      },
      { highWaterMark: 0 },
    );
    return new Response(read, { status, statusText, headers });
  }

  const watched: WatchedFetch = {
    exchanges,
    send: (input, init) => globalThis.fetch(input, init),
    async fetch(input, init) {
      const url = input instanceof Request ? input.url : String(input);
      const method = init?.method ?? (input instanceof Request ? input.method : "GET");
      const entry: Entry = { method, url, at: now(), bytesRead: 0, pending: false, turns: 0, held: false };
      exchanges.push(entry);
      return trackBody(await track(entry, () => watched.send(input, init)), entry);
    },
    async idle() {
      for (let active = moving(); active.length > 0; active = moving()) {
        await Promise.race([turn(), untilWoken()]);
        // A request without any event for so long waits for time to pass.
        for (const entry of active) {
          entry.turns += 1;
          entry.held ||= entry.turns > patience;
        }
      }
    },
    get moves() {
      return moves;
    },
    hold(prefix) {
      const hold = { prefix };
      holds.add(hold);
      wake();
      return () => void holds.delete(hold);
    },
    stalled(prefix) {
      for (const entry of exchanges) entry.held ||= entry.pending && entry.url.startsWith(prefix);
      wake();
    },
  };
  return watched;
}
