import { describe, expect, test } from "vitest";
import { McpAuthError } from "../../../../src/errors/error.js";
import { type FollowOptions, followStream } from "../../../../src/proxy/stdio/follow-stream.js";
import { type FakeClock, fakeClock } from "../../../support/fake-clock.js";

function stream(text: string): Response {
  return new Response(text, { headers: { "content-type": "text/event-stream" } });
}

interface Followed {
  readonly clock: FakeClock;
  readonly data: string[];
  /** The milliseconds since the start and the event ID of each connection. */
  readonly connections: (readonly [at: number, lastEventId: string])[];
  readonly abort: AbortController;
  /** The result: `undefined` while the stream is followed. */
  readonly outcome: { value?: unknown };
}

/** Follows a stream whose further connections are those that are given; then each fails. */
function follow(
  first: string,
  next: readonly (Response | Error)[],
  more: Partial<FollowOptions> = {},
): Followed {
  const clock = fakeClock();
  const startedAt = clock.now();
  const data: string[] = [];
  const connections: Followed["connections"] = [];
  const abort = new AbortController();
  const outcome: Followed["outcome"] = {};
  const remaining = [...next];
  followStream(stream(first), {
    ...{ transport: { name: "tools", clock }, signal: abort.signal, reopens: false },
    onData: async (each) => void data.push(each),
    isDone: () => data.includes("done"),
    reconnect: async (lastEventId) => {
      connections.push([clock.now() - startedAt, lastEventId]);
      const response = remaining.shift() ?? new McpAuthError("unavailable", "down", { retryable: true });
      if (response instanceof Error) throw response;
      return response;
    },
    refused: () => new McpAuthError("unavailable", "refused"),
    ...more,
  }).then(
    () => {
      outcome.value = "done";
    },
    (error: unknown) => {
      outcome.value = error;
    },
  );
  return { clock, data, connections, abort, outcome };
}

describe("a stream that ends before it is done", () => {
  test("is resumed after the last event that was handled, after the time that the server names", async () => {
    const next = [stream("data: b\n\nid: 3\n\nid: 4\ndata: lost"), stream("data: done\n\n")];
    const { clock, data, connections, outcome } = follow("retry: 700\nid: 1\ndata: a\n\n", next);
    await clock.advance(699);
    expect(connections).toEqual([]);
    await clock.advance(10_000);
    expect(data).toEqual(["a", "b", "done"]);
    expect(connections).toEqual([
      [700, "1"],
      [1_400, "3"],
    ]);
    expect(outcome.value).toBe("done");
  });

  test("is asked for again while a server is not ready, with pauses that become longer", async () => {
    const next = [409, 503].map((status) => new Response(null, { status }));
    const { clock, connections, outcome } = follow("id: 1\ndata: a\n\n", [...next, stream("data: done\n\n")]);
    await clock.advance(8_000);
    expect(connections.map(([, id]) => id)).toEqual(["1", "1", "1"]);
    expect(outcome.value).toBe("done");
  });

  test("is given up after eight connections in a row that brought nothing", async () => {
    const { clock, connections, outcome } = follow("id: 1\ndata: a\n\n", []);
    await clock.advance(300_000);
    expect(connections).toHaveLength(8);
    expect(outcome.value).toMatchObject({ code: "unavailable" });
    expect(clock.pending).toEqual([]);
  });

  test("is given up at once if the server refuses, or has sent no event ID", async () => {
    const refused = follow("id: 1\ndata: a\n\n", [new Response(null, { status: 404 })]);
    await refused.clock.advance(2_000);
    expect(refused.outcome.value).toMatchObject({ message: "refused" });
    const unnumbered = follow("data: a\n\n", []);
    await unnumbered.clock.advance(0);
    expect(unnumbered.outcome.value).toMatchObject({ code: "unavailable" });
    expect(unnumbered.connections).toEqual([]);
  });

  test("is polled for as long as the server names a time", async () => {
    const polls = Array.from({ length: 50 }, () => stream("retry: 1000\n\n"));
    const { clock, connections, outcome } = follow("retry: 1000\nid: 1\ndata: a\n\n", [
      ...polls,
      stream("data: done\n\n"),
    ]);
    await clock.advance(51_000);
    expect(connections).toHaveLength(51);
    expect(outcome.value).toBe("done");
  });

  test("is left when the signal is aborted during the pause", async () => {
    const { clock, abort, connections, outcome } = follow("id: 1\ndata: a\n\n", []);
    await clock.settle();
    abort.abort();
    await clock.settle();
    expect(outcome.value).toBe("done");
    expect(connections).toEqual([]);
    expect(clock.pending).toEqual([]);
  });

  test("is opened again without an event ID, if that is wanted", async () => {
    const { clock, connections, outcome } = follow("data: a\n\n", [stream("data: done\n\n")], {
      reopens: true,
    });
    await clock.advance(1_000);
    expect(connections.map(([, id]) => id)).toEqual([""]);
    expect(outcome.value).toBe("done");
  });
});

test("a stream is read no faster than its events are handled", async () => {
  let pulled = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        pulled += 1;
        controller.enqueue(new TextEncoder().encode(`data: ${pulled}\n\n`));
        if (pulled === 100) controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  let release = (): void => {};
  const blocked = new Promise<void>((resolve) => {
    release = resolve;
  });
  let handled = 0;
  const clock = fakeClock();
  const done = followStream(new Response(body, { headers: { "content-type": "text/event-stream" } }), {
    ...{ transport: { name: "tools", clock }, signal: new AbortController().signal, reopens: false },
    onData: async () => {
      handled += 1;
      await blocked;
    },
    isDone: () => handled === 100,
    reconnect: () => Promise.reject(new Error("not expected")),
    refused: () => undefined,
  });
  await clock.settle();
  expect([pulled, handled]).toEqual([1, 1]);
  release();
  await done;
  expect([pulled, handled]).toEqual([100, 100]);
});
