// Tests of scopes for single tools and paths in the test MCP server, which other integration tests rely on.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from "../support/authorization-server.js";
import { type RunningMcpServer, startMcpServer } from "../support/mcp-server.js";

let issuer: RunningAuthorizationServer;
let server: RunningMcpServer;
beforeAll(async () => {
  issuer = await startAuthorizationServer({
    clients: [{ id: "agent", secret: "s3cr3t" }],
    scopes: ["read", "write", "admin"],
  });
  server = await startMcpServer({
    issuer: issuer.issuer,
    scopes: ["read"],
    toolScopes: { rename: ["write"], erase: ["write", "admin"] },
    pathScopes: { "/mcp/admin": ["admin"] },
  });
});
afterAll(() => Promise.all([issuer.close(), server.close()]));

async function token(scope: string): Promise<string> {
  const response = await fetch(issuer.tokenEndpoint, {
    method: "POST",
    headers: { authorization: `Basic ${btoa("agent:s3cr3t")}` },
    body: new URLSearchParams({ grant_type: "client_credentials", resource: server.url, scope }),
  });
  // The token endpoint always returns an object.
  const { access_token: accessToken } = (await response.json()) as { readonly access_token: string };
  return accessToken;
}

async function connect(scope: string, versionNegotiation?: { readonly mode: "auto" }): Promise<Client> {
  const client = new Client({ name: "test", version: "1.0.0" }, versionNegotiation && { versionNegotiation });
  onTestFinished(() => client.close());
  const headers = { authorization: `Bearer ${await token(scope)}` };
  await client.connect(new StreamableHTTPClientTransport(new URL(server.url), { requestInit: { headers } }));
  return client;
}

test.each([
  ["2025-11-25", undefined],
  ["2026-07-28", { mode: "auto" } as const],
])("the test MCP server requires the scopes of a tool with 403 in protocol %s", async (_, negotiation) => {
  const call = (client: Client, name: string) => client.callTool({ name, arguments: { text: "hi" } });
  const able = await connect("read write", negotiation);
  expect((await able.listTools()).tools.map(({ name }) => name)).toEqual(["echo", "rename", "erase"]);
  expect((await call(able, "rename")).content).toEqual([{ type: "text", text: "hi" }]);
  await expect(call(able, "erase")).rejects.toThrow();
  expect(server.requests.at(-1)?.status).toBe(403);
  const limited = await connect("read", negotiation);
  expect((await call(limited, "echo")).content).toEqual([{ type: "text", text: "hi" }]);
  await expect(call(limited, "rename")).rejects.toThrow();
  expect(server.requests.at(-1)?.status).toBe(403);
});

test("the challenge of the test MCP server has all scopes of the tool and the metadata URL", async () => {
  const response = await fetch(server.url, {
    method: "POST",
    headers: {
      authorization: `Bearer ${await token("read write")}`,
      accept: "application/json, text/event-stream",
      "content-type": "application/json",
    },
    body: JSON.stringify({
      jsonrpc: "2.0",
      id: 1,
      method: "tools/call",
      params: { name: "erase", arguments: { text: "hi" } },
    }),
  });
  expect(response.status).toBe(403);
  expect(response.headers.get("www-authenticate")).toMatch(
    /^Bearer error="insufficient_scope".*, scope="write admin", resource_metadata="http[^"]+\/mcp"$/,
  );
});

test("the test MCP server requires the scopes of a path in addition to its own, and answers 404 for other paths", async () => {
  const probe = async (path: string, scope: string) => {
    const response = await fetch(`${server.origin}${path}`, {
      headers: { authorization: `Bearer ${await token(scope)}` },
    });
    await response.body?.cancel();
    return [response.status, /scope="([^"]*)"/.exec(response.headers.get("www-authenticate") ?? "")?.[1]];
  };
  expect(await probe("/mcp/admin", "read admin")).toEqual([405, undefined]);
  expect(await probe("/mcp/admin", "read")).toEqual([403, "read admin"]);
  expect(await probe("/mcp", "read")).toEqual([405, undefined]);
  expect(await probe("/mcp/other", "read admin")).toEqual([404, undefined]);
});
