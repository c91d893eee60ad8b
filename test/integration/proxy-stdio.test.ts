import { expect, test } from "vitest";
import * as z from "zod";
import { createTestManager, startWorld } from "./harness.js";
import {
  connectHost,
  connectHostV1,
  plainManager,
  startBridge,
  startSessions,
  textOf,
} from "./stdio-bridge.js";

for (const sdk of ["v1", "v2"] as const) {
  test(`a host lists and calls tools of a server of SDK ${sdk} with sessions`, async () => {
    const server = await startSessions({
      sdk,
      tools: (each) =>
        each.registerTool("echo", { inputSchema: { text: z.string() } }, ({ text }) => ({
          content: [{ type: "text", text }],
        })),
    });
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
}

test("a host of SDK v1 calls a tool of a protected server without sessions", async () => {
  const { manager } = await createTestManager(await startWorld());
  const bridge = startBridge(manager);
  const client = await connectHostV1(bridge);
  expect(textOf(await client.callTool({ name: "echo", arguments: { text: "hello" } }))).toBe("hello");
  bridge.input.end();
  await bridge.ended;
  expect(bridge.notices).toEqual([]);
});
