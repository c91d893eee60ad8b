// The stdio bridge with MCP 2026-07-28: requests that say everything about themselves, and no sessions.
import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { toNodeHandler } from "@modelcontextprotocol/node";
import {
  createMcpHandler,
  fromJsonSchema,
  type McpHttpHandler,
  McpServer,
} from "@modelcontextprotocol/server";
import { expect, onTestFinished, test } from "vitest";
import * as z from "zod";
import { deferred } from "../support/deferred.js";
import { sendJson } from "../support/http-server.js";
import { listen } from "../support/listen.js";
import { createTestManager, startScriptedServer, startWorld } from "./harness.js";
import {
  connectHost,
  modernRequest,
  plainManager,
  startBridge,
  startSessions,
  textOf,
  writtenHost,
} from "./stdio-bridge.js";

const version = "2026-07-28";
const auto = { versionNegotiation: { mode: "auto" } } as const;

interface ModernServer {
  readonly url: string;
  readonly requests: readonly { readonly headers: IncomingHttpHeaders; readonly response: ServerResponse }[];
  readonly notify: McpHttpHandler["notify"];
}

/** Starts a server of SDK v2 for MCP 2026-07-28 alone. */
async function startModern(tools: (server: McpServer) => void): Promise<ModernServer> {
  const requests: ModernServer["requests"][number][] = [];
  const handler = createMcpHandler(
    () => {
      const server = new McpServer({ name: "modern", version: "1.0.0" });
      tools(server);
      return server;
    },
    { legacy: "reject" },
  );
  const answer = toNodeHandler(handler);
  const listening = await listen(() => (request, response) => {
    requests.push({ headers: request.headers, response });
    // The SDK's request type has no `undefined` in optional properties, Node's does.
    void answer(request as Parameters<typeof answer>[0], response);
  });
  onTestFinished(() => listening.close());
  return { url: `${listening.origin}/mcp`, requests, notify: handler.notify };
}

function text(value: string) {
  return { content: [{ type: "text" as const, text: value }] };
}

function echo(server: McpServer): void {
  server.registerTool("echo", { inputSchema: z.object({ text: z.string() }) }, (given) => text(given.text));
}

test("a host of SDK v2 speaks MCP 2026-07-28 with a protected server through the stdio bridge", async () => {
  const world = await startWorld();
  const { manager } = await createTestManager(world);
  const bridge = startBridge(manager);
  const client = await connectHost(bridge, auto);
  expect(textOf(await client.callTool({ name: "echo", arguments: { text: "hello" } }))).toBe("hello");
  const { headers, method } = world.mcp.requests.at(-1) ?? {};
  expect(headers).toMatchObject({
    "mcp-protocol-version": version,
    "mcp-method": "tools/call",
    "mcp-name": "echo",
  });
  expect(headers?.["mcp-session-id"]).toBeUndefined();
  bridge.input.end();
  await bridge.ended;
  // There is no stream to listen to, and no session to end.
  expect(method).toBe("POST");
  expect(world.mcp.requests.every((each) => each.method !== "GET" || each.path !== "/mcp")).toBe(true);
  expect(bridge.notices).toEqual([]);
});

test.each(["v1", "v2"] as const)(
  "a host that asks for MCP 2026-07-28 falls back to a session with a server of SDK %s",
  async (sdk) => {
    const server = await startSessions({
      sdk,
      tools: (each) => each.registerTool("ping", {}, () => text("pong")),
    });
    const client = await connectHost(startBridge(plainManager(server.url)), auto);
    expect(textOf(await client.callTool({ name: "ping" }))).toBe("pong");
    expect(server.sessions.size).toBe(1);
  },
);

test("a canceled request of MCP 2026-07-28 ends with its connection, and no notification is sent", async () => {
  const started = deferred();
  const canceled = deferred();
  const server = await startModern((each) => {
    echo(each);
    each.registerTool("slow", {}, async (context) => {
      started.resolve();
      await new Promise((resolve) => context.mcpReq.signal.addEventListener("abort", resolve));
      canceled.resolve();
      return text("too late");
    });
  });
  const host = writtenHost(startBridge(plainManager(server.url)));
  host.write(modernRequest(1, "tools/call", { name: "slow", arguments: {} }));
  await started.promise;
  host.write({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: 1 } });
  await canceled.promise;
  host.write({ jsonrpc: "2.0", method: "notifications/cancelled", params: { requestId: "unknown" } });
  host.write(modernRequest(2, "tools/call", { name: "echo", arguments: { text: "next" } }));
  await host.answer(2);
  expect(server.requests).toHaveLength(2);
  expect(host.received.some(({ id }) => id === 1)).toBe(false);
});

test("a subscription of MCP 2026-07-28 brings changes, and does not hold up the end", async () => {
  const server = await startModern(echo);
  const bridge = startBridge(plainManager(server.url));
  const host = writtenHost(bridge);
  host.write(modernRequest("s", "subscriptions/listen", { notifications: { toolsListChanged: true } }));
  await host.next(({ method }) => method === "notifications/subscriptions/acknowledged");
  server.notify.toolsChanged();
  await host.next(({ method }) => method === "notifications/tools/list_changed");
  bridge.input.end();
  await bridge.ended;
  expect(host.received.some(({ id }) => id === "s")).toBe(false);
});

test("an error of MCP 2026-07-28 with an HTTP status is passed on as the server wrote it", async () => {
  const server = await startModern(echo);
  const host = writtenHost(startBridge(plainManager(server.url)));
  host.write(modernRequest(1, "no/such/method"));
  expect((await host.answer(1))["error"]).toMatchObject({ code: -32_601 });
  const old = modernRequest(2, "tools/list");
  host.write(JSON.parse(JSON.stringify(old).replace(version, "1999-01-01")));
  expect((await host.answer(2))["error"]).toMatchObject({ code: -32_022 });
});

function withHeaders(server: McpServer): void {
  const properties = {
    region: { type: "string", "x-mcp-header": "Region" },
    where: { type: "object", properties: { row: { type: "integer", "x-mcp-header": "Row" } } },
  };
  const inputSchema = fromJsonSchema<{ region: string }>({ type: "object", properties });
  server.registerTool("query", { inputSchema }, ({ region }) => text(region));
}

test("parameters that a tool wants in headers are sent there, also if the host did not list the tools", async () => {
  const server = await startModern((each) => {
    echo(each);
    withHeaders(each);
  });
  const host = writtenHost(startBridge(plainManager(server.url)));
  const call = (id: number, region: string) =>
    modernRequest(id, "tools/call", { name: "query", arguments: { region, where: { row: 7 } } });
  host.write(call(1, "Malmö"));
  expect(textOf((await host.answer(1))["result"])).toBe("Malmö");
  // The call, the bridge's own list, and the call again.
  const methods = () => server.requests.map(({ headers }) => headers["mcp-method"]);
  expect(methods()).toEqual(["tools/call", "tools/list", "tools/call"]);
  expect(server.requests.at(-1)?.headers).toMatchObject({
    "mcp-param-region": "=?base64?TWFsbcO2?=",
    "mcp-param-row": "7",
  });
  host.write(call(2, "Lund"));
  await host.answer(2);
  expect(methods()).toHaveLength(4);
  expect(host.received).toHaveLength(2);
});

test("a tool that wants a header against the rules is left out of the list", async () => {
  const properties = { list: { type: "array", items: { type: "string", "x-mcp-header": "List" } } };
  const bad = { name: "bad", inputSchema: { type: "object", properties } };
  const good = { name: "good", inputSchema: { type: "object" } };
  const server = await startScriptedServer(({ body }, response) => {
    const result = { resultType: "complete", tools: [bad, good], ttlMs: 1 };
    sendJson(response, { jsonrpc: "2.0", id: JSON.parse(body).id, result });
  });
  const bridge = startBridge(plainManager(server.origin));
  const host = writtenHost(bridge);
  host.write(modernRequest(1, "tools/list"));
  expect((await host.answer(1))["result"]).toEqual({ resultType: "complete", tools: [good], ttlMs: 1 });
  expect(bridge.notices).toEqual([
    'A tool of the server was left out, because "x-mcp-header" is wrong in its schema.',
  ]);
});
