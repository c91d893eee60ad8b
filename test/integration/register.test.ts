import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { expect, onTestFinished, test } from "vitest";
import { createMcpAuth, type McpAuth } from "../../src/index.js";
import { register } from "../../src/register/api.js";
import { startWorld, type World } from "./harness.js";

/** A runtime whose servers are registered until the test ends. */
async function registered(options: Parameters<typeof createMcpAuth>[0]): Promise<McpAuth> {
  const auth = await createMcpAuth(options);
  const unregister = register(auth);
  onTestFinished(async () => {
    unregister();
    await auth.stop();
  });
  return auth;
}

/** The SDK with nothing but a URL. */
async function connected(url: string): Promise<Client> {
  const client = new Client({ name: "host", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  onTestFinished(() => client.close());
  return client;
}

function revokeAll({ issuer, mcp }: World): void {
  for (const { jti } of issuer.issued) mcp.revoke(jti);
}

test("a host that is given nothing but the URL of a server connects, calls, and survives a revocation", async () => {
  const world = await startWorld();
  await registered({ config: world.config, env: world.env });
  const client = await connected(world.mcp.url);
  await client.callTool({ name: "echo", arguments: { text: "one" } });
  expect([world.issuer.tokensIssued, world.mcp.unauthorized]).toEqual([1, 0]);

  revokeAll(world);
  await Promise.all(
    Array.from({ length: 10 }, (_, at) => client.callTool({ name: "echo", arguments: { text: `${at}` } })),
  );
  expect(world.issuer.tokensIssued).toBe(2);
});
