// Servers that leave something open. The clock of the bridge stands still unless a test moves it.
import { once } from "node:events";
import { expect, test } from "vitest";
import { deferred } from "../support/deferred.js";
import { fakeClock } from "../support/fake-clock.js";
import { sendJson } from "../support/http-server.js";
import { startScriptedServer } from "./harness.js";
import { modernRequest, plainManager, startBridge, toolCall, writtenHost } from "./stdio-bridge.js";

test("a call of MCP 2026-07-28 whose stream breaks off gets its error at once, also if events have an ID", async () => {
  const server = await startScriptedServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end('id: 1\ndata: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n');
  });
  const host = writtenHost(startBridge(plainManager(server.origin), { clock: fakeClock() }));
  host.write(modernRequest(1, "tools/call", { name: "x" }));
  expect((await host.answer(1))["error"]).toMatchObject({
    message: expect.stringContaining("closed the connection before it answered"),
  });
  expect(server.requests).toHaveLength(1);
});

test("an error whose body does not end is reported by its status after five seconds", async () => {
  const clock = fakeClock();
  const closed: Promise<unknown>[] = [];
  const server = await startScriptedServer((_request, response) => {
    closed.push(once(response, "close"));
    response.writeHead(500, { "content-type": "text/plain" }).write("x");
  });
  const bridge = startBridge(plainManager(server.origin), { clock });
  const host = writtenHost(bridge);
  host.write(toolCall(1, "x"), { jsonrpc: "2.0", method: "notifications/x" });
  // Both bodies are being read.
  while (clock.pending.length < 2) await new Promise(setImmediate);
  await clock.advance(4_999);
  expect(host.received).toEqual([]);
  await clock.advance(1);
  expect((await host.answer(1))["error"]).toMatchObject({
    message: expect.stringContaining("answered with HTTP 500"),
  });
  await Promise.all(closed);
  await clock.settle();
  expect(bridge.notices).toEqual([expect.stringContaining('"notifications/x" did not reach the server')]);
  expect(clock.pending).toEqual([]);
});

test("a list of tools that does not arrive holds up the call that needs it for thirty seconds at most", async () => {
  const clock = fakeClock();
  const listing = deferred();
  const error = { code: -32_020, message: "header mismatch" };
  const server = await startScriptedServer(({ body }, response) => {
    const { id, method } = JSON.parse(body);
    if (method === "tools/call") return sendJson(response, { jsonrpc: "2.0", id, error }, 400);
    response.writeHead(200, { "content-type": "application/json" }).write("{");
    listing.resolve();
  });
  const host = writtenHost(startBridge(plainManager(server.origin), { clock }));
  host.write(modernRequest(1, "tools/call", { name: "x" }));
  await listing.promise;
  await clock.advance(30_000);
  expect((await host.answer(1))["error"]).toEqual(error);
});

test("what a server streams in answer to a notification or an answer of the host is passed on", async () => {
  const clock = fakeClock();
  const closed: Promise<unknown>[] = [];
  const server = await startScriptedServer((request, response) => {
    const { method } = JSON.parse(request.body);
    closed.push(once(response, "close"));
    if (method === "tools/call") return;
    const data = JSON.stringify({ jsonrpc: "2.0", method: "notifications/message", params: { method } });
    response.writeHead(200, { "content-type": "text/event-stream" }).write(`data: ${data}\n\n`);
    // An answer to a call may come on any stream.
    if (method === undefined) response.write('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
  });
  const host = writtenHost(startBridge(plainManager(server.origin), { clock }));
  host.write(toolCall(1, "x"), { jsonrpc: "2.0", method: "notifications/x" });
  await host.next(({ params }) => JSON.stringify(params) === '{"method":"notifications/x"}');
  host.write({ jsonrpc: "2.0", id: "asked", result: {} });
  await host.next(({ params }) => JSON.stringify(params) === "{}");
  expect((await host.answer(1))["result"]).toEqual({});
  // Connections that stay open are closed, that of the call as well.
  await clock.advance(30_000);
  await Promise.all(closed);
  await clock.settle();
  expect(clock.pending).toEqual([]);
});
