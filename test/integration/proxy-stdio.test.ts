import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { describe, expect, test } from "vitest";
import * as z from "zod";
import { deferred } from "../support/deferred.js";
import { createTestManager, startWorld } from "./harness.js";
import {
  connectHost,
  connectHostV1,
  type Json,
  plainManager,
  startBridge,
  startSessions,
  textOf,
  toolCall,
  writtenHost,
} from "./stdio-bridge.js";

function text(value: string) {
  return { content: [{ type: "text" as const, text: value }] };
}

function echo(server: McpServer): void {
  const inputSchema = z.object({ text: z.string() });
  server.registerTool("echo", { inputSchema }, (given) => text(given.text));
}

describe.each(["v1", "v2"] as const)("with a server of SDK %s that keeps sessions,", (sdk) => {
  test("a host lists and calls tools through the stdio bridge, which ends the session", async () => {
    const server = await startSessions({ sdk, tools: echo });
    const bridge = startBridge(plainManager(server.url));
    const client = await connectHost(bridge);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["echo"]);
    expect(textOf(await client.callTool({ name: "echo", arguments: { text: "hello" } }))).toBe("hello");
    const [first, ...others] = server.requests;
    expect(first?.headers["mcp-session-id"]).toBeUndefined();
    expect(others.every(({ headers }) => headers["mcp-session-id"] !== undefined)).toBe(true);
    expect(others.every(({ headers }) => headers["mcp-protocol-version"] === "2025-11-25")).toBe(true);
    expect(others.some(({ method }) => method === "GET")).toBe(true);

    bridge.input.end();
    await bridge.ended;
    expect(server.requests.at(-1)?.method).toBe("DELETE");
    expect(server.sessions.size).toBe(0);
    expect(bridge.notices).toEqual([]);
  });

  test("a host gets answers in JSON through the stdio bridge", async () => {
    const server = await startSessions({ sdk, tools: echo, json: true });
    const client = await connectHost(startBridge(plainManager(server.url)));
    expect(textOf(await client.callTool({ name: "echo", arguments: { text: "hello" } }))).toBe("hello");
  });

  test("requests and notifications of the server reach a host through the stdio bridge", async () => {
    const server = await startSessions({
      sdk,
      tools: (each) =>
        each.registerTool("ask", {}, async ({ sendNotification, sendRequest, ...more }) => {
          // The two SDKs have different names for what a handler can send.
          const context = more as unknown as { mcpReq?: Record<"notify" | "send", typeof sendNotification> };
          const notify = sendNotification ?? context.mcpReq?.notify;
          const ask = (sendRequest ?? context.mcpReq?.send) as (request: Json, schema: unknown) => unknown;
          await notify({ method: "notifications/message", params: { level: "info", data: "asking" } });
          const roots = await ask({ method: "roots/list" }, z.looseObject({}));
          return text(JSON.stringify(roots));
        }),
    });
    const host = writtenHost(startBridge(plainManager(server.url)));
    await host.initialize();
    host.write(toolCall(1, "ask"));
    expect((await host.next(({ method }) => method === "notifications/message"))["params"]).toEqual({
      level: "info",
      data: "asking",
    });
    const { id = null } = await host.next(({ method }) => method === "roots/list");
    host.write({ jsonrpc: "2.0", id, result: { roots: [{ uri: "file:///home" }] } });
    expect(textOf((await host.answer(1))["result"])).toBe('{"roots":[{"uri":"file:///home"}]}');
  });

  test("what the server sends without a request reaches a host through the stdio bridge", async () => {
    let changeTools = (): void => {};
    const server = await startSessions({
      sdk,
      tools(each) {
        echo(each);
        changeTools = () => each.sendToolListChanged();
      },
    });
    const host = writtenHost(startBridge(plainManager(server.url)));
    await host.initialize();
    host.write(toolCall(1, "echo", { arguments: { text: "hello" } }));
    await host.answer(1);
    while (!server.requests.some(({ method, response }) => method === "GET" && response.headersSent))
      await new Promise(setImmediate);
    changeTools();
    expect(await host.next(({ method }) => method === "notifications/tools/list_changed")).toBeDefined();
  });
});

test("progress reaches a host before the answer, and a slow call does not hold up another", async () => {
  const finish = deferred();
  const server = await startSessions({
    sdk: "v1",
    tools(each) {
      echo(each);
      each.registerTool("slow", {}, async ({ sendNotification, _meta }) => {
        const progressToken = _meta?.progressToken ?? "";
        await sendNotification({ method: "notifications/progress", params: { progressToken, progress: 1 } });
        await finish.promise;
        return text("done");
      });
    },
  });
  const client = await connectHost(startBridge(plainManager(server.url)));
  const progress = deferred();
  const slow = client.callTool({ name: "slow" }, { onprogress: () => progress.resolve() });
  await progress.promise;
  expect(textOf(await client.callTool({ name: "echo", arguments: { text: "quick" } }))).toBe("quick");
  finish.resolve();
  expect(textOf(await slow)).toBe("done");
});

test("a canceled call is canceled at the server, its connection is closed, and it gets no answer", async () => {
  const started = deferred();
  const canceled = deferred();
  const server = await startSessions({
    sdk: "v1",
    tools(each) {
      echo(each);
      each.registerTool("slow", {}, async ({ signal }) => {
        started.resolve();
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        canceled.resolve();
        return text("too late");
      });
    },
  });
  const host = writtenHost(startBridge(plainManager(server.url)));
  await host.initialize();
  host.write(toolCall(1, "slow"));
  await started.promise;
  const call = server.requests.find(({ rpc }) => rpc === "tools/call");
  const closed = deferred();
  call?.response.on("close", () => closed.resolve());
  host.write({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } });
  await canceled.promise;
  await closed.promise;
  host.write(toolCall(2, "echo", { arguments: { text: "next" } }));
  await host.answer(2);
  expect(host.received.some(({ id }) => id === 1)).toBe(false);
});

test("a host of SDK v1 goes on after its token was revoked", async () => {
  const world = await startWorld();
  const { manager } = await createTestManager(world);
  const bridge = startBridge(manager);
  const client = await connectHostV1(bridge);
  const call = (value: string) => client.callTool({ name: "echo", arguments: { text: value } });
  expect(textOf(await call("one"))).toBe("one");
  world.mcp.revoke(world.mcp.requests.at(-1)?.jti ?? "");
  const answers = await Promise.all(["two", "three", "four"].map(call));
  expect(answers.map(textOf)).toEqual(["two", "three", "four"]);
  expect(world.mcp.unauthorized).toBeGreaterThan(0);
  bridge.input.end();
  await bridge.ended;
  expect(bridge.notices).toEqual([]);
});

test("a host gets our error, and no text of the server, if the server refuses every token", async () => {
  const world = await startWorld({ mcp: { scopes: ["admin"] } });
  const { manager } = await createTestManager(world);
  const host = writtenHost(startBridge(manager));
  const { error } = await host.initialize();
  expect(error).toEqual({
    code: -31_001,
    message: expect.stringMatching(/^Server "tools" /),
    data: { code: "insufficient_scope", server: "tools", retryable: false },
  });
});

test("a batch passes through the stdio bridge, and each request in it is answered", async () => {
  const server = await startSessions({ sdk: "v1", tools: echo, json: true });
  const host = writtenHost(startBridge(plainManager(server.url)));
  await host.initialize("2025-03-26");
  const calls = ["a", "b"].map((id) => toolCall(id, "echo", { arguments: { text: id } }));
  host.write(calls);
  const batch = await host.next((message) => Array.isArray(message));
  expect(Object.values(batch).map((each) => textOf((each as Json)["result"]))).toEqual(["a", "b"]);
});
