import { PassThrough, Writable } from "node:stream";
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { McpAuthError } from "../../src/errors/error.js";
import { bridgeStdio } from "../../src/proxy/stdio/bridge.js";
import { deferred } from "../support/deferred.js";
import { fakeClock } from "../support/fake-clock.js";
import { recordUnhandledRejections, startScriptedServer } from "./harness.js";
import { plainManager, startBridge, startSessions, textOf, toolCall, writtenHost } from "./stdio-bridge.js";

function echo(server: McpServer): void {
  const inputSchema = z.object({ text: z.string() });
  server.registerTool("echo", { inputSchema }, ({ text }) => ({ content: [{ type: "text", text }] }));
}

describe("a line of a host that is no message", () => {
  test("is answered with a JSON-RPC error, and the next one is read", async () => {
    const server = await startSessions({ sdk: "v1", tools: echo });
    const bridge = startBridge(plainManager(server.url));
    const host = writtenHost(bridge);
    await host.initialize();
    host.write("{", "", "[]", '{"jsonrpc":"2.0","id":9,"method":1}');
    expect((await host.answer(null))["error"]).toMatchObject({ code: -32_700 });
    expect((await host.answer(null))["error"]).toMatchObject({ code: -32_600 });
    expect((await host.answer(9))["error"]).toMatchObject({ code: -32_600 });
    bridge.input.write(Buffer.of(0xff, 0x0a));
    expect((await host.answer(null))["error"]).toMatchObject({ code: -32_700 });
    host.write(toolCall(1, "echo", { arguments: { text: "fine" } }));
    expect(textOf((await host.answer(1))["result"])).toBe("fine");
    expect(server.requests.filter(({ method }) => method === "POST")).toHaveLength(3);
  });

  test("is answered if it is longer than 16 MiB, and one that is a little shorter is sent", async () => {
    const server = await startScriptedServer((request, response) => {
      const { id } = JSON.parse(request.body);
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result: { length: request.body.length } }));
    });
    const host = writtenHost(startBridge(plainManager(server.origin)));
    const large = (length: number) => {
      const empty = JSON.stringify({ ...toolCall(1, "x"), fill: "" }).length;
      return JSON.stringify({ ...toolCall(1, "x"), fill: "f".repeat(length - empty) });
    };
    const longest = 16 * 1_024 * 1_024;
    host.write(large(longest + 1), large(longest));
    expect((await host.answer(null))["error"]).toMatchObject({ code: -32_700 });
    expect((await host.answer(1))["result"]).toEqual({ length: longest });
  });
});

test("what a server sends that is no message is dropped with one notice, and all the rest is on one line each", async () => {
  const answer = '{"jsonrpc":"2.0",\ndata: "id":1,\r\ndata: "result":{"text":"a\u2028b"}}';
  const server = await startScriptedServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.end(`data: {\n\ndata: {}\n\nevent: other\ndata: {}\n\n: comment\n\ndata: ${answer}\n\n`);
  });
  const bridge = startBridge(plainManager(server.origin));
  let written = "";
  bridge.output.on("data", (chunk) => {
    written += chunk;
  });
  bridge.input.end(`${JSON.stringify(toolCall(1, "x"))}\n`);
  await bridge.ended;
  expect(written).toBe('{"jsonrpc":"2.0", "id":1, "result":{"text":"a\\u2028b"}}\n');
  expect(bridge.notices).toEqual([
    "The server sent something that is no JSON-RPC message. It was not passed on.",
  ]);
});

test("a batch of the server is passed on line by line to a host that sent none", async () => {
  const notification = { jsonrpc: "2.0", method: "notifications/message", params: {} };
  const answer = { jsonrpc: "2.0", id: 1, result: {} };
  const server = await startScriptedServer((_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end(JSON.stringify([notification, answer, answer]));
  });
  const bridge = startBridge(plainManager(server.origin));
  const host = writtenHost(bridge);
  host.write(toolCall(1, "x"));
  bridge.input.end();
  await bridge.ended;
  expect(host.received).toEqual([notification, answer]);
});

test.each([
  ["HTML", 200, "text/html", "<p>Log in</p>", "unavailable"],
  ["nothing", 202, "text/plain", "", "unavailable"],
  ["JSON without the answer", 200, "application/json", '{"jsonrpc":"2.0","id":2,"result":{}}', "unavailable"],
  ["broken JSON", 200, "application/json", '{"jsonrpc":', "unavailable"],
  [
    "401 with an error",
    401,
    "application/json",
    '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"ignore me"}}',
    "unauthorized",
  ],
  [
    "403 with an error",
    403,
    "application/json",
    '{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"ignore me"}}',
    "unauthorized",
  ],
  ["500", 500, "text/plain", "ignore me", "unavailable"],
])(
  "a call that a server answers with %s gets our error, without text of the server",
  async (_, status, type, body, code) => {
    const server = await startScriptedServer((_request, response) => {
      response.writeHead(status, { "content-type": type }).end(body);
    });
    const host = writtenHost(startBridge(plainManager(server.origin)));
    host.write(toolCall(1, "x"));
    const answer = await host.answer(1);
    expect(answer["error"]).toMatchObject({ code: -31_001, data: { code, server: "tools" } });
    expect(JSON.stringify(answer)).not.toContain("ignore me");
  },
);

test("a call whose refused token cannot be replaced gets the reason why not", async () => {
  const server = await startScriptedServer((_request, response) => {
    response.writeHead(401).end();
  });
  const message = 'Server "tools": the token endpoint is not available now. Try again later.';
  const lastError = new McpAuthError("unavailable", message, { server: "tools", retryable: true });
  const host = writtenHost(startBridge({ ...plainManager(server.origin), status: () => ({ lastError }) }));
  host.write(toolCall(1, "x"));
  expect((await host.answer(1))["error"]).toMatchObject({ message, data: { code: "unavailable" } });
});

test("a notification that does not reach the server causes a notice, and no answer", async () => {
  const server = await startScriptedServer((_request, response) => {
    response.writeHead(500).end("ignore me");
  });
  const bridge = startBridge(plainManager(server.origin));
  const host = writtenHost(bridge);
  host.write({ jsonrpc: "2.0", method: "notifications/x" }, { jsonrpc: "2.0", id: 1, result: {} });
  bridge.input.end();
  await bridge.ended;
  expect(bridge.notices.toSorted()).toEqual([
    'An answer of the host did not reach the server. Server "tools" answered with HTTP 500. Try again later.',
    'The notification "notifications/x" did not reach the server. Server "tools" answered with HTTP 500. Try again later.',
  ]);
  expect(host.received).toEqual([]);
});

describe("the end", () => {
  test("of the input lets a call in flight be answered before the session ends", async () => {
    const started = deferred();
    const finish = deferred();
    const server = await startSessions({
      sdk: "v1",
      tools: (each) =>
        each.registerTool("slow", {}, async () => {
          started.resolve();
          await finish.promise;
          return { content: [{ type: "text", text: "done" }] };
        }),
    });
    const bridge = startBridge(plainManager(server.url));
    const host = writtenHost(bridge);
    await host.initialize();
    host.write(toolCall(1, "slow"));
    bridge.input.end();
    await started.promise;
    finish.resolve();
    await bridge.ended;
    expect(textOf((await host.answer(1))["result"])).toBe("done");
    expect(server.requests.at(-1)?.method).toBe("DELETE");
  });

  test("of the input waits ten seconds for an answer, and then sends an error", async () => {
    const clock = fakeClock();
    const received = deferred();
    const server = await startScriptedServer(() => received.resolve());
    const bridge = startBridge(plainManager(server.origin), { clock });
    const host = writtenHost(bridge);
    host.write(toolCall(1, "x"));
    bridge.input.end();
    await received.promise;
    let hasEnded = false;
    const ended = bridge.ended.then(() => {
      hasEnded = true;
    });
    await clock.advance(9_999);
    expect(hasEnded).toBe(false);
    await clock.advance(1);
    await ended;
    expect((await host.answer(1))["error"]).toMatchObject({ data: { code: "timeout" } });
    expect(clock.pending).toEqual([]);
    while (server.connections > 0) await new Promise(setImmediate);
  });

  test("of the input is noticed while the server does not answer `initialize`", async () => {
    const clock = fakeClock();
    const received = deferred();
    const server = await startScriptedServer(() => received.resolve());
    const bridge = startBridge(plainManager(server.origin), { clock });
    const host = writtenHost(bridge);
    host.write({ jsonrpc: "2.0", id: "init", method: "initialize", params: {} }, toolCall(1, "x"));
    bridge.input.end();
    await received.promise;
    await clock.advance(10_000);
    await bridge.ended;
    for (const id of ["init", 1])
      expect((await host.answer(id))["error"]).toMatchObject({ data: { code: "timeout" } });
    // The call waited for the session.
    expect(server.requests).toHaveLength(1);
  });

  test("by the signal aborts all requests, and ends a session within two seconds", async () => {
    const clock = fakeClock();
    const received = deferred();
    const closed = deferred();
    const deleting = deferred();
    const server = await startScriptedServer((request, response) => {
      if (request.method === "DELETE") return deleting.resolve();
      if (request.method === "GET") return void response.writeHead(405).end();
      const { id, method } = JSON.parse(request.body);
      if (id === undefined) return void response.writeHead(202).end();
      if (method !== "initialize") {
        response.on("close", () => closed.resolve());
        return received.resolve();
      }
      const result = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: {} };
      response.writeHead(200, { "content-type": "application/json", "mcp-session-id": "s1" });
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result }));
    });
    const bridge = startBridge(plainManager(server.origin), { clock });
    const host = writtenHost(bridge);
    await host.initialize();
    host.write(toolCall(1, "x"));
    await received.promise;
    bridge.stop();
    await deleting.promise;
    await clock.advance(2_000);
    await bridge.ended;
    expect(host.received.some(({ id }) => id === 1)).toBe(false);
    expect(clock.pending).toEqual([]);
    await closed.promise;
  });

  test("comes when the host closes the output, and frees everything", async () => {
    const unhandled = recordUnhandledRejections();
    const server = await startSessions({ sdk: "v1", tools: echo });
    const bridge = startBridge(plainManager(server.url));
    const host = writtenHost(bridge);
    await host.initialize();
    host.write(toolCall(1, "echo", { arguments: { text: "a" } }));
    await host.answer(1);
    bridge.output.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));
    await bridge.ended;
    expect(server.sessions.size).toBe(0);
    expect(bridge.input.destroyed).toBe(true);
    expect(unhandled).toEqual([]);
  });

  test("comes at once for streams that are closed already", async () => {
    const output = new PassThrough();
    output.destroy();
    const input = new PassThrough();
    const signal = new AbortController().signal;
    await bridgeStdio({ manager: plainManager("http://127.0.0.1:1"), input, output, signal, onNotice() {} });
    expect(input.destroyed).toBe(true);
  });
});

test("a host that reads slowly slows the server down, and little is kept in memory", async () => {
  const text = "x".repeat(64 * 1_024);
  const count = 800;
  let sent = 0;
  const stalled = deferred();
  const server = await startScriptedServer(async (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    for (sent = 0; sent < count; sent += 1) {
      const notification = { jsonrpc: "2.0", method: "notifications/message", params: { sent, text } };
      if (response.write(`data: ${JSON.stringify(notification)}\n\n`)) continue;
      const idle = setTimeout(() => stalled.resolve(), 300);
      await new Promise((resolve) => response.once("drain", resolve));
      clearTimeout(idle);
    }
    response.end('data: {"jsonrpc":"2.0","id":1,"result":{}}\n\n');
  });
  // Takes nothing until the test reads.
  let takeMore = (): void => {};
  let isReading = false;
  const lines: string[] = [];
  const output = new Writable({
    highWaterMark: 16 * 1_024,
    write(chunk, _encoding, done) {
      lines.push(String(chunk).slice(0, 90));
      if (isReading) done();
      else takeMore = done;
    },
  });
  const input = new PassThrough();
  const signal = new AbortController().signal;
  const ended = bridgeStdio({ manager: plainManager(server.origin), input, output, signal, onNotice() {} });
  input.end(`${JSON.stringify(toolCall(1, "x"))}\n`);
  await stalled.promise;
  // What the sockets of the operating system hold does not count as memory of the bridge.
  expect(sent).toBeLessThan(count / 2);
  expect(lines).toHaveLength(1);
  expect(output.writableLength).toBeLessThan(256 * 1_024);
  isReading = true;
  takeMore();
  await ended;
  expect(lines).toHaveLength(count + 1);
  const order = lines.slice(0, count).map((line) => /"sent":(\d+)/.exec(line)?.[1]);
  expect(order).toEqual(Array.from({ length: count }, (_, index) => String(index)));
});
