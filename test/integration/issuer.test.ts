// Credentials are sent only to the issuer that the config names.
import { describe, expect, test } from "vitest";
import { createMcpAuth, type McpAuthConfig } from "../../src/index.js";
import { sendJson } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import {
  agentSecret,
  createTestManager,
  sdkConnections,
  sendToken,
  startScriptedServer,
  startWorld,
} from "./harness.js";

/** Returns whether any of the requests contains the credential. */
function containsCredential(
  requests: readonly { readonly headers: object; readonly body?: string }[],
): boolean {
  const sent = JSON.stringify(requests);
  return [agentSecret, encodeURIComponent(agentSecret), btoa(`agent:${agentSecret}`)].some((form) =>
    sent.includes(form),
  );
}

/** Starts an authorization server whose metadata names the given issuer. */
async function issuerNamed(issuerOf: (origin: string) => string, path = "") {
  const server = await startScriptedServer((request, response) => {
    if (request.url.startsWith("/.well-known/") || request.url.endsWith("/openid-configuration")) {
      if (request.url.includes("oauth-protected-resource")) return sendJson(response, {}, 404);
      return sendJson(response, {
        issuer: issuerOf(server.origin),
        token_endpoint: `${server.origin}/token`,
      });
    }
    return sendToken(response, "stolen");
  });
  const client = { issuer: `${server.origin}${path}`, id: "agent", secret: { env: "SECRET" } };
  const config = { servers: { tools: { url: `${server.origin}/mcp`, grant: { client } } } };
  return { server, config, env: { SECRET: agentSecret } };
}

describe("metadata that names another issuer than the one in the config", () => {
  test.each<[what: string, issuerOf: (origin: string) => string, path: string]>([
    ["with another host", () => "https://evil.example", ""],
    ["with a trailing slash", (origin) => `${origin}/`, ""],
    ["without the trailing slash of the config", (origin) => origin, "/"],
    ["in another case", (origin) => origin.replace("http", "HTTP"), ""],
    ["with a path in another case", (origin) => `${origin}/Tenant`, "/tenant"],
    ["with a trailing slash after a path", (origin) => `${origin}/tenant/`, "/tenant"],
    ["with another spelling of the address", (origin) => origin.replace("127.0.0.1", "127.1"), ""],
    ["with an equivalent percent-encoding", (origin) => `${origin}/%74enant`, "/tenant"],
    ["with a query", (origin) => `${origin}?x`, ""],
  ])(
    "metadata that names an issuer %s is issuer_mismatch, and no token request is sent",
    async (_, issuerOf, path) => {
      const { server, ...world } = await issuerNamed(issuerOf, path);
      const { manager } = await createTestManager(world);
      const error = await rejectionOf(manager.getAccessToken());
      expect(error).toMatchObject({ code: "issuer_mismatch", server: "tools", retryable: false });
      expect(server.requests.filter(({ url }) => url === "/token")).toEqual([]);
      expect(containsCredential(server.requests)).toBe(false);
    },
  );

  test("metadata that names the exact issuer of the config is accepted, including a trailing slash", async () => {
    const { server, ...world } = await issuerNamed((origin) => `${origin}/`, "/");
    const { manager } = await createTestManager(world);
    expect(await manager.getAccessToken()).toBe("stolen");
    expect(server.requests.filter(({ url }) => url === "/token")).toHaveLength(1);
  });
});

describe("an MCP server that names other authorization servers", () => {
  test("resource metadata without the issuer of the config is issuer_mismatch, and no issuer gets a token request", async () => {
    const evil = await issuerNamed((origin) => origin);
    const world = await startWorld({ mcp: { authorizationServers: [evil.server.origin] } });
    const { manager } = await createTestManager(world);
    const error = await rejectionOf(manager.getAccessToken());
    expect(error).toMatchObject({ code: "issuer_mismatch", server: "tools" });
    expect(error.message).toContain(world.issuer.issuer);
    expect(world.issuer.tokenRequests).toEqual([]);
    expect(evil.server.requests).toEqual([]);
  });

  test.each([
    ["a trailing slash", (issuer: string) => `${issuer}/`],
    ["upper case", (issuer: string) => issuer.toUpperCase()],
  ])("resource metadata with an issuer that differs only by %s is issuer_mismatch", async (_, other) => {
    const first = await startWorld();
    const world = await startWorld({ mcp: { authorizationServers: [other(first.issuer.issuer)] } });
    const { config } = first;
    const moved = { servers: { tools: { ...config.servers.tools, url: world.mcp.url } } };
    const { manager } = await createTestManager({ config: moved, env: first.env });
    expect((await rejectionOf(manager.getAccessToken())).code).toBe("issuer_mismatch");
    expect(first.issuer.tokenRequests).toEqual([]);
  });

  test("with several issuers in the resource metadata, the token request goes to the issuer of the config", async () => {
    const evil = await issuerNamed((origin) => origin);
    const first = await startWorld();
    const world = await startWorld({
      mcp: { issuer: first.issuer.issuer, authorizationServers: [evil.server.origin, first.issuer.issuer] },
    });
    const config = { servers: { tools: { ...first.config.servers.tools, url: world.mcp.url } } };
    const { manager } = await createTestManager({ config, env: first.env });
    expect((await manager.getToken()).issuer).toBe(first.issuer.issuer);
    expect(evil.server.requests).toEqual([]);
  });

  test("without resource metadata, the token request goes to the issuer of the config", async () => {
    const world = await startWorld({ mcp: { publishMetadata: false } });
    const { manager } = await createTestManager(world);
    expect(await manager.getToken()).toMatchObject({ issuer: world.issuer.issuer, resource: world.mcp.url });
  });

  test.each(sdkConnections)(
    "resource metadata that changes to another issuer during a session through %s gets it no credential",
    async (name, connect) => {
      // A scripted MCP server that can change its resource metadata.
      const world = await startWorld();
      const evil = await issuerNamed((origin) => origin);
      let named = world.issuer.issuer;
      let refuse = false;
      const tokens: unknown[] = [];
      const server = await startScriptedServer(async (request, response) => {
        const resource = `${server.origin}/mcp`;
        if (request.url === "/.well-known/oauth-protected-resource/mcp") {
          return sendJson(response, { resource, authorization_servers: [named] });
        }
        if (request.url !== "/mcp") return sendJson(response, {}, 404);
        if (refuse) {
          const url = `${server.origin}/.well-known/oauth-protected-resource/mcp`;
          const challenge = `Bearer error="invalid_token", resource_metadata="${url}"`;
          return sendJson(response, {}, 401, { "www-authenticate": challenge });
        }
        if (request.method === "GET") return sendJson(response, {}, 405);
        tokens.push(request.headers.authorization);
        const { id, method, params } = JSON.parse(request.body);
        if (id === undefined) return void response.writeHead(202).end();
        const result =
          method === "initialize"
            ? {
                protocolVersion: params.protocolVersion,
                capabilities: { tools: {} },
                serverInfo: { name: "d", version: "1" },
              }
            : { content: [{ type: "text", text: params.arguments.text }] };
        return sendJson(response, { jsonrpc: "2.0", id, result });
      });
      const { tools } = world.config.servers;
      const config = { servers: { tools: { ...tools, url: `${server.origin}/mcp` } } };
      const { manager } = await createTestManager({ config, env: world.env });
      const client = await connect(manager);
      expect(await client.echo("before")).toBe("before");
      expect(world.issuer.tokenRequests).toHaveLength(1);

      named = evil.server.origin;
      refuse = true;
      await expect(client.echo("after"), name).rejects.toThrow();
      expect(evil.server.requests.filter(({ url }) => url === "/token")).toEqual([]);
      expect(containsCredential(evil.server.requests)).toBe(false);
      // Metadata is cached, so a token request to the pinned issuer may still be sent.
      expect(world.issuer.tokenRequests.every(({ clientId }) => clientId === "agent")).toBe(true);
      expect(containsCredential(server.requests)).toBe(false);
    },
  );
});

describe("a client without an issuer", () => {
  test.each<[what: string, client: object]>([
    ["a secret", { id: "agent", secret: { env: "SECRET" } }],
    ["a key", { id: "agent", key: { privateKey: { env: "KEY" } } }],
    ["no credential at all", { id: "agent" }],
    ["an empty issuer", { id: "agent", issuer: "", secret: { env: "SECRET" } }],
  ])("a client with %s and no valid issuer is config_invalid, and nothing is sent", async (_, client) => {
    const world = await startWorld();
    // The types forbid such a config, but JavaScript and JSON can contain it.
    const config = {
      servers: { tools: { url: world.mcp.url, grant: { client } } },
    } as unknown as McpAuthConfig<"tools">;
    const error = await rejectionOf(createMcpAuth({ config, env: world.env }));
    expect(error).toMatchObject({ code: "config_invalid" });
    expect(error.violations).toHaveLength(1);
    expect(error.violations?.[0]?.pointer).toMatch(/^\/servers\/tools\/grant\/client/);
    expect([...world.issuer.tokenRequests, ...world.mcp.requests]).toEqual([]);
  });
});

test("resource metadata with the resource of another server is resource_mismatch, and no token is requested", async () => {
  const world = await startWorld();
  const server = await startScriptedServer((request, response) => {
    if (!request.url.startsWith("/.well-known/oauth-protected-resource")) return sendJson(response, {}, 404);
    return sendJson(response, { resource: world.mcp.url, authorization_servers: [world.issuer.issuer] });
  });
  const config = { servers: { tools: { ...world.config.servers.tools, url: `${server.origin}/mcp` } } };
  const { manager } = await createTestManager({ config, env: world.env });
  expect((await rejectionOf(manager.getAccessToken())).code).toBe("resource_mismatch");
  expect(world.issuer.tokenRequests).toEqual([]);
});
