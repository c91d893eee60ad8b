import type { FetchFunction } from "../../src/index.js";
import { patience, turn } from "./patience.js";

/** One request that the runtime made, whether or not it reached anybody. */
export interface Exchange {
  readonly method: string;
  readonly url: string;
  /** When it was made, in milliseconds since the epoch on the row's clock. */
  readonly at: number;
  /** Bytes of the body that were read, after decompression. */
  readonly bytesRead: number;
  /** Waits for an answer, or for more of one. */
  readonly pending: boolean;
}

export interface WatchedFetch {
  readonly fetch: FetchFunction;
  /** In the order in which they were made. */
  readonly exchanges: readonly Exchange[];
  /** What sends in the end; the global `fetch` unless told. */
  send: FetchFunction;
  /** Resolves once no request waits for anything but the passing of time, for this moment. */
  idle(): Promise<void>;
  /** Grows with everything that happens to a request. */
  readonly moves: number;
  /** Those to URLs that begin so wait for nothing but the passing of time, also those that come until it is undone. */
  hold(prefix: string): () => void;
  /** Those under way to URLs that begin so are answered no more. */
  stalled(prefix: string): void;
}

interface Entry extends Exchange {
  bytesRead: number;
  pending: boolean;
  /** For how many turns it has not moved. */
  turns: number;
  held: boolean;
}

const withoutBody: ReadonlySet<number> = new Set([204, 205, 304]);

/** Knows which requests are under way, so that a clock that stands still can tell when it is time to move on. */
export function watchedFetch(now: () => number): WatchedFetch {
  const exchanges: Entry[] = [];
  const holds = new Set<{ readonly prefix: string }>();
  let wake: () => void = () => {};
  const woken = () =>
    new Promise<void>((resolve) => {
      wake = resolve;
    });
  let moves = 0;

  const isHeld = (entry: Entry): boolean =>
    entry.held || [...holds].some(({ prefix }) => entry.url.startsWith(prefix));
  const moving = () => exchanges.filter((entry) => entry.pending && !isHeld(entry));

  async function during<T>(entry: Entry, work: () => Promise<T>): Promise<T> {
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

  function followed(response: Response, entry: Entry): Response {
    const { body, status, statusText, headers } = response;
    if (body === null || withoutBody.has(status)) return response;
    const reader = body.getReader();
    const read = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          const chunk = await during(entry, () => reader.read());
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
      return followed(await during(entry, () => watched.send(input, init)), entry);
    },
    async idle() {
      for (let left = moving(); left.length > 0; left = moving()) {
        await Promise.race([turn(), woken()]);
        // Whatever does not move for so long waits for the passing of time.
        for (const entry of left) {
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
