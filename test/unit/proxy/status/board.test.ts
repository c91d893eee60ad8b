import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import type { TokenManagerStatus } from "../../../../src/index.js";
import { StatusBoard } from "../../../../src/proxy/status/board.js";
import { History } from "../../../../src/proxy/status/history.js";
import type { Entry } from "../../../../src/proxy/status/messages.js";
import { open as openRequest } from "../../../integration/proxied.js";
import { deferred } from "../../../support/deferred.js";
import { fakeClock } from "../../../support/fake-clock.js";

interface Event {
  readonly name: string;
  readonly data: {
    readonly servers?: readonly { server: string; state: string }[];
    readonly [name: string]: unknown;
  };
}

/** A board for servers that the test changes, behind a real HTTP server. */
async function open(names: readonly string[]) {
  const clock = fakeClock();
  const statuses = new Map<string, TokenManagerStatus>(
    names.map((server) => [server, { server, state: "fresh" }]),
  );
  const counts = { looks: 0 };
  const history = new History({ on: () => () => {} }, () => true, clock.now);
  const board = new StatusBoard({
    ...{ clock, history, startedAt: 1, store: () => undefined },
    readiness: () => ({ ready: true, since: 1 }),
    statuses() {
      counts.looks += 1;
      return [...statuses.values()];
    },
  });
  const responses: ServerResponse[] = [];
  const server = createServer((_request, response) => {
    responses.push(response);
    if (board.hasRoom) board.open(response);
    else response.writeHead(503).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  // A server on TCP has an address of this form.
  const { port } = server.address() as AddressInfo;
  const connect = async (): Promise<IncomingMessage> => {
    const { request, response } = openRequest(`http://127.0.0.1:${port}/`);
    request.end();
    return await response;
  };
  return { board, clock, statuses, counts, history, connect, responses };
}

/** Reads the events of a stream. `next` waits for an event with this name. */
function read(response: IncomingMessage) {
  const events: Event[] = [];
  let rest = "";
  let arrived = deferred<void>();
  response.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n\n");
    rest = parts.pop() ?? "";
    for (const part of parts) {
      const [, name = "", data = ""] = /^event: (.*)\ndata: (.*)$/.exec(part) ?? [];
      events.push({ name, data: JSON.parse(data) });
    }
    arrived.resolve();
    arrived = deferred<void>();
  });
  // A stream that breaks off emits both.
  response.on("error", () => {});
  const next = async (wanted: string): Promise<Event> => {
    for (;;) {
      const found = events.findIndex(({ name }) => name === wanted);
      if (found !== -1) return events.splice(0, found + 1).at(-1) as Event;
      await arrived.promise;
    }
  };
  return { events, next };
}

test("a viewer gets the state of all servers, then only what changes", async () => {
  const { clock, statuses, connect } = await open(["crm", "mail"]);
  const stream = read(await connect());
  expect((await stream.next("proxy")).data).toMatchObject({ ready: true, pid: process.pid });
  expect((await stream.next("servers")).data.servers).toEqual([
    { server: "crm", state: "fresh" },
    { server: "mail", state: "fresh" },
  ]);
  await stream.next("complete");
  statuses.set("mail", { server: "mail", state: "stale" });
  await clock.advance(2_000);
  expect((await stream.next("servers")).data).toEqual({
    servers: [{ server: "mail", state: "stale" }],
    removed: [],
  });
  statuses.delete("crm");
  await clock.advance(2_000);
  expect((await stream.next("servers")).data).toEqual({ servers: [], removed: ["crm"] });
  await clock.advance(10_000);
  expect((await stream.next("beat")).data).toMatchObject({ waiting: 0 });
});

test("thousands of events cost one look at the servers, and without a viewer none", async () => {
  const { clock, history, counts, connect, responses } = await open(["crm"]);
  const noteMany = (): void => {
    for (let event = 0; event < 5_000; event += 1) history.noteProxy({ kind: "ready", at: event });
  };
  noteMany();
  await clock.advance(60_000);
  expect(counts.looks).toBe(0);
  const stream = read(await connect());
  await stream.next("complete");
  const before = counts.looks;
  await clock.advance(600);
  noteMany();
  await clock.advance(1);
  expect(counts.looks).toBe(before + 1);
  noteMany();
  await clock.advance(400);
  expect(counts.looks).toBe(before + 1);
  responses[0]?.destroy();
  await expect.poll(() => clock.pending).toEqual([]);
  noteMany();
  expect(clock.pending).toEqual([]);
});

test("a look at the servers that takes long is rare", async () => {
  const { clock, statuses, connect, counts, history } = await open([]);
  const stream = read(await connect());
  await stream.next("complete");
  // Each look takes 150 ms, so the next one follows after 7.5 s.
  statuses.values = () => {
    clock.jump(150);
    return new Map<string, TokenManagerStatus>().values();
  };
  await clock.advance(2_000);
  const before = counts.looks;
  history.noteProxy({ kind: "ready", at: 1 });
  await clock.advance(7_000);
  expect(counts.looks).toBe(before);
  await clock.advance(500);
  expect(counts.looks).toBe(before + 1);
});

test("eight viewers are served, and the place of one who leaves is free again", async () => {
  const { connect, responses } = await open(["crm"]);
  const viewers = [];
  for (let viewer = 0; viewer < 8; viewer += 1) viewers.push(await connect());
  expect(viewers.map(({ statusCode }) => statusCode)).toEqual(Array(8).fill(200));
  expect((await connect()).statusCode).toBe(503);
  viewers[0]?.destroy();
  await new Promise<void>((resolve) => {
    if (responses[0]?.closed === true) resolve();
    else responses[0]?.once("close", resolve);
  });
  expect((await connect()).statusCode).toBe(200);
});

test("a viewer who reads nothing gets only the latest states, and is dropped after 30 seconds", async () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `server-${index}-${"x".repeat(200)}`);
  const { clock, statuses, connect, responses } = await open(names);
  const viewer = await connect();
  viewer.pause();
  await expect.poll(() => responses[0]?.writableNeedDrain).toBe(true);
  const waiting = responses[0]?.writableLength ?? 0;
  for (const state of ["stale", "cooldown", "fresh"] as const) {
    for (const server of names) statuses.set(server, { server, state });
    await clock.advance(2_000);
  }
  // What waits does not grow with the changes.
  expect(responses[0]?.writableLength).toBeLessThan(waiting + 10_000);
  await clock.advance(40_000);
  expect(responses[0]?.destroyed).toBe(true);
});

test("long histories wait for a viewer one event at a time, and all arrive when it reads", async () => {
  const names = Array.from({ length: 1_000 }, (_, index) => `server-${index}`);
  const { clock, statuses, connect, responses, history } = await open(names);
  const message = "x".repeat(20_000);
  const entry: Entry = { kind: "failed", at: 1, lastAt: 1, count: 1, reasons: ["demand"], message };
  const none = { renewals: [], renewalCount: 0, dropped: 0 };
  history.of = () => ({ ...none, entries: [entry] });
  const most = 2 * 128 * 1_024;
  const viewer = await connect();
  viewer.pause();
  await expect.poll(() => responses[0]?.writableNeedDrain).toBe(true);
  expect(responses[0]?.writableLength).toBeLessThan(most);
  const stream = read(viewer);
  viewer.resume();
  await stream.next("complete");
  viewer.pause();
  for (const server of names) statuses.set(server, { server, state: "stale" });
  await clock.advance(2_000);
  await expect.poll(() => responses[0]?.writableNeedDrain).toBe(true);
  expect(responses[0]?.writableLength).toBeLessThan(most);
  viewer.resume();
  const arrived = () =>
    stream.events.flatMap(({ data }) => data.servers ?? []).filter(({ state }) => state === "stale").length;
  await expect.poll(arrived).toBe(1_000);
});

test("a viewer who reads nothing is dropped, also after the clock was set back", async () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `server-${index}-${"x".repeat(200)}`);
  const { clock, connect, responses } = await open(names);
  const viewer = await connect();
  viewer.pause();
  await expect.poll(() => responses[0]?.writableNeedDrain).toBe(true);
  await clock.advance(2_000);
  clock.jump(-3_600_000);
  await clock.advance(4_000);
  expect(responses[0]?.destroyed).toBe(true);
});

test("stop ends all streams at once, and there is no new one", async () => {
  const { board, connect, clock } = await open(["crm"]);
  const response = await connect();
  const stream = read(response);
  await stream.next("complete");
  const closed = new Promise((resolve) => response.once("close", resolve));
  board.stop();
  await stream.next("stopped");
  await closed;
  expect(clock.pending).toEqual([]);
  expect((await connect()).statusCode).toBe(503);
});
