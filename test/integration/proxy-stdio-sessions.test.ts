import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { deferred } from "../support/deferred.js";
import { fakeClock } from "../support/fake-clock.js";
import { sendJson } from "../support/http-server.js";
import type { RunningSessionServer } from "../support/session-server.js";
import { startScriptedServer } from "./harness.js";
import { plainManager, startBridge, startSessions, textOf, toolCall, writtenHost } from "./stdio-bridge.js";

function echo(server: McpServer): void {
  const inputSchema = z.object({ text: z.string() });
  server.registerTool("echo", { inputSchema }, ({ text }) => ({ content: [{ type: "text", text }] }));
}

function rpcCalls({ requests }: RunningSessionServer, method: string): number {
  return requests.filter(({ rpc }) => rpc === method).length;
}

const badRequest = { code: -32_000, message: "Bad Request: No valid session ID provided" };

describe.each([
  ["404", undefined],
  ["400 with a JSON-RPC error, as in the examples of the SDK", { status: 400, error: badRequest }],
])("a session that the server answers with %s", (_, unknown) => {
  test.each(["v1", "v2"] as const)(
    "is started again once for concurrent calls of a host, with a server of SDK %s",
    async (sdk) => {
      const server = await startSessions({
        ...{ sdk, tools: echo },
        ...(unknown && {
          unknownSession: {
            status: unknown.status,
            body: JSON.stringify({ jsonrpc: "2.0", error: unknown.error, id: null }),
          },
        }),
      });
      const bridge = startBridge(plainManager(server.url));
      const host = writtenHost(bridge);
      await host.initialize();
      const call = (id: number) => toolCall(id, "echo", { arguments: { text: `text ${id}` } });
      host.write(call(1));
      await host.answer(1);

      server.forgetSessions();
      host.write(...[2, 3, 4, 5].map(call));
      for (const id of [2, 3, 4, 5]) expect(textOf((await host.answer(id))["result"])).toBe(`text ${id}`);
      expect(rpcCalls(server, "initialize")).toBe(2);
      expect(rpcCalls(server, "notifications/initialized")).toBe(2);
      expect(server.sessions.size).toBe(1);
      // The host got one answer to its own `initialize`, and none to that of the bridge.
      expect(host.received.filter(({ id }) => id === "init")).toHaveLength(1);
      expect(bridge.notices).toEqual([]);
    },
  );
});

test("every call gets an error if a lost session cannot be started again", async () => {
  const server = await startSessions({
    sdk: "v1",
    tools: echo,
    unknownSession: { status: 404, body: "Session not found" },
    intercept(request, response) {
      const isRefused = server.requests.length > 3 && request.headers["mcp-session-id"] === undefined;
      if (isRefused) response.writeHead(503, { "retry-after": "7" }).end("secret text of the server");
      return isRefused;
    },
  });
  const host = writtenHost(startBridge(plainManager(server.url)));
  await host.initialize();
  host.write(toolCall(1, "echo", { arguments: { text: "a" } }));
  await host.answer(1);
  server.forgetSessions();
  host.write(toolCall(2, "echo"), toolCall(3, "echo"));
  for (const id of [2, 3]) {
    expect((await host.answer(id))["error"]).toEqual({
      code: -31_001,
      message: 'Server "tools" answered with HTTP 503. Try again later.',
      data: { code: "unavailable", server: "tools", retryable: true, retryAfter: 7_000 },
    });
  }
});

test("a host that sends `initialize` again ends the session before it, and one that is refused ends none", async () => {
  let started = 0;
  const deleted: unknown[] = [];
  const deletions = [deferred(), deferred()];
  const server = await startScriptedServer((request, response) => {
    // The server never answers DELETE.
    if (request.method === "DELETE")
      return deletions[deleted.push(request.headers["mcp-session-id"]) - 1]?.resolve();
    if (request.method !== "POST") return void response.writeHead(405).end();
    const { id } = JSON.parse(request.body);
    if (id === undefined) return void response.writeHead(202).end();
    started += 1;
    if (started === 2) return void response.writeHead(503).end();
    const result = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: {} };
    sendJson(response, { jsonrpc: "2.0", id, result }, 200, { "mcp-session-id": `s${started}` });
  });
  const clock = fakeClock();
  const bridge = startBridge(plainManager(server.origin), { clock });
  const host = writtenHost(bridge);
  await host.initialize();
  expect((await host.initialize())["error"]).toBeDefined();
  expect(deleted).toEqual([]);
  expect((await host.initialize())["result"]).toBeDefined();
  await deletions[0]?.promise;
  expect(deleted).toEqual(["s1"]);
  await clock.advance(2_000);
  bridge.stop();
  await deletions[1]?.promise;
  await clock.advance(2_000);
  await bridge.ended;
  expect(deleted).toEqual(["s1", "s3"]);
});

test("a call that is refused in a new session, too, is not sent a third time", async () => {
  let initialized = 0;
  const server = await startScriptedServer((request, response) => {
    if (request.method !== "POST") return void response.writeHead(405).end();
    const { id, method } = JSON.parse(request.body);
    if (method === "tools/call") return void response.writeHead(404).end("no such session");
    if (id === undefined) return void response.writeHead(202).end();
    initialized += 1;
    const result = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: {} };
    sendJson(response, { jsonrpc: "2.0", id, result }, 200, { "mcp-session-id": `s${initialized}` });
  });
  const host = writtenHost(startBridge(plainManager(server.origin)));
  await host.initialize("2025-06-18");
  host.write(toolCall(1, "x"));
  expect((await host.answer(1))["error"]).toMatchObject({ data: { code: "unavailable" } });
  const calls = server.requests.filter(({ body }) => body.includes("tools/call"));
  expect(calls.map(({ headers }) => headers["mcp-session-id"])).toEqual(["s1", "s2"]);
});

test("a call that learns of the lost session late is sent in the new one, and starts no third", async () => {
  const renewed = deferred();
  let sessions = 0;
  const server = await startScriptedServer(async (request, response) => {
    if (request.method !== "POST") return void response.writeHead(405).end();
    const { id, method, params } = JSON.parse(request.body);
    if (method === "initialize") {
      sessions += 1;
      const result = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: {} };
      return sendJson(response, { jsonrpc: "2.0", id, result }, 200, { "mcp-session-id": `s${sessions}` });
    }
    if (id === undefined) return void response.writeHead(202).end();
    if (request.headers["mcp-session-id"] !== "s1") {
      sendJson(response, { jsonrpc: "2.0", id, result: {} });
      return renewed.resolve();
    }
    if (params.name === "late") await renewed.promise;
    response.writeHead(404).end();
  });
  const host = writtenHost(startBridge(plainManager(server.origin)));
  await host.initialize("2025-06-18");
  host.write(toolCall(1, "late"), toolCall(2, "early"));
  await host.answer(2);
  expect((await host.answer(1))["result"]).toEqual({});
  expect(sessions).toBe(2);
});

test("a 400 that says nothing about sessions keeps the session, and a JSON-RPC error in it is passed on", async () => {
  const server = await startScriptedServer((request, response) => {
    if (request.method !== "POST") return void response.writeHead(405).end();
    const { id, method } = JSON.parse(request.body);
    if (id === undefined) return void response.writeHead(202).end();
    const result = { protocolVersion: "2025-06-18", capabilities: {}, serverInfo: {} };
    if (method === "initialize")
      return sendJson(response, { jsonrpc: "2.0", id, result }, 200, { "mcp-session-id": "s1" });
    const error = { code: -32_602, message: "unknown session parameter", data: [1] };
    sendJson(response, { jsonrpc: "2.0", id: method === "mine" ? id : null, error }, 400);
  });
  const host = writtenHost(startBridge(plainManager(server.origin)));
  await host.initialize("2025-06-18");
  host.write({ jsonrpc: "2.0", id: 1, method: "mine" });
  expect((await host.answer(1))["error"]).toEqual({
    ...{ code: -32_602, message: "unknown session parameter", data: [1] },
  });
  expect(server.requests.filter(({ body }) => body.includes('"initialize"'))).toHaveLength(1);
});

describe.each(["v1", "v2"] as const)("with a server of SDK %s that keeps events,", (sdk) => {
  test("a call whose connection breaks off is resumed, and every message arrives once", async () => {
    const reached = deferred();
    const broken = deferred();
    const server = await startSessions({
      sdk,
      resumable: true,
      tools: (each) =>
        each.registerTool("count", {}, async (...given) => {
          // The two SDKs have different names for what a handler can send.
          const context = given.at(-1) as { sendNotification?: Notify; mcpReq?: { notify: Notify } };
          const notify = context.sendNotification ?? context.mcpReq?.notify;
          const say = (data: string) =>
            notify?.({ method: "notifications/message", params: { level: "info", data } });
          await say("one");
          await say("two");
          reached.resolve();
          await broken.promise;
          await say("three");
          return { content: [{ type: "text", text: "done" }] };
        }),
    });
    const host = writtenHost(startBridge(plainManager(server.url)));
    await host.initialize();
    host.write(toolCall(1, "count"));
    await reached.promise;
    await host.next(({ params }) => (params as { data?: string } | undefined)?.data === "two");
    const call = server.requests.find(({ rpc }) => rpc === "tools/call");
    call?.response.destroy();
    broken.resolve();
    expect(textOf((await host.answer(1))["result"])).toBe("done");
    const data = host.received
      .filter(({ method }) => method === "notifications/message")
      .map(({ params }) => (params as { data: string }).data);
    expect(data).toEqual(["one", "two", "three"]);
    expect(server.requests.some(({ headers }) => headers["last-event-id"] !== undefined)).toBe(true);
  });

  test("the stream of the server is opened again, and what was sent meanwhile arrives once", async () => {
    let changeTools = async (): Promise<void> => {};
    const server = await startSessions({
      sdk,
      resumable: true,
      tools(each) {
        echo(each);
        changeTools = async () => {
          const params = { level: "info" as const, data: "changed" };
          await each.server.notification({ method: "notifications/message", params });
        };
      },
    });
    const host = writtenHost(startBridge(plainManager(server.url)));
    await host.initialize();
    const listening = () =>
      server.requests.filter(({ method, response }) => {
        return method === "GET" && response.headersSent;
      });
    while (listening().length === 0) await new Promise(setImmediate);
    await changeTools();
    await host.next(({ method }) => method === "notifications/message");
    listening()[0]?.response.destroy();
    await changeTools();
    await host.next(({ method }) => method === "notifications/message");
    expect(listening().length).toBeGreaterThan(1);
    expect(listening().at(-1)?.headers["last-event-id"]).toBeDefined();
    host.write(toolCall(1, "echo", { arguments: { text: "a" } }));
    await host.answer(1);
    expect(host.received.filter(({ method }) => method === "notifications/message")).toHaveLength(2);
  });
});

type Notify = (notification: object) => Promise<void>;

test("a call whose connection breaks off gets an error if the server does not let it be resumed", async () => {
  const server = await startScriptedServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write('data: {"jsonrpc":"2.0","method":"notifications/message","params":{}}\n\n');
    response.end("data: {");
  });
  const host = writtenHost(startBridge(plainManager(server.origin)));
  host.write(toolCall(1, "x"));
  expect((await host.answer(1))["error"]).toMatchObject({
    message: expect.stringContaining("closed the connection before it answered"),
    data: { code: "unavailable", server: "tools" },
  });
  expect(server.requests).toHaveLength(1);
});
