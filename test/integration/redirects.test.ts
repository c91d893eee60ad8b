import { describe, expect, test } from "vitest";
import { sendJson } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import {
  agentSecret,
  createTestManager,
  sendToken,
  startScriptedIssuer,
  startScriptedServer,
  startWorld,
  viaFetchV1,
  viaFetchV2,
} from "./harness.js";

const statuses = [301, 302, 303, 307, 308] as const;

describe("a redirect of the token endpoint", () => {
  test.each(statuses)(
    "a %d of the token endpoint to another origin is token_request_rejected and not followed",
    async (status) => {
      const evil = await startScriptedServer((_request, response) => sendToken(response, "stolen"));
      const world = await startWorld();
      world.issuer.redirectTokenEndpoint(`${evil.origin}/token`, status);
      const { manager } = await createTestManager(world);
      const error = await rejectionOf(manager.getAccessToken());
      expect(error).toMatchObject({ code: "token_request_rejected", server: "tools", retryable: false });
      expect(error.message).toContain(String(status));
      expect(error.message).not.toContain(evil.origin);
      expect(evil.requests).toEqual([]);
      expect(world.issuer.tokenRequests).toHaveLength(1);
    },
  );

  test.each(statuses)(
    "a %d of the token endpoint on the same origin is token_request_rejected and not followed",
    async (status) => {
      const issuer = await startScriptedIssuer(
        (_request, response) => void response.writeHead(status, { location: "/token/" }).end(),
        (_request, response) => sendToken(response, "followed"),
      );
      const { manager } = await createTestManager(issuer);
      expect((await rejectionOf(manager.getAccessToken())).code).toBe("token_request_rejected");
      expect(issuer.server.requests.map(({ url }) => url)).not.toContain("/token/");
      expect(issuer.tokenRequests()).toHaveLength(1);
    },
  );

  test("a redirect of the token endpoint that a custom fetch follows anyway is token_request_rejected", async () => {
    const issuer = await startScriptedIssuer(
      (_request, response) => void response.writeHead(302, { location: "/elsewhere" }).end(),
      (_request, response) => sendToken(response, "followed"),
    );
    const { manager } = await createTestManager(issuer, {
      fetch: (input, init) => fetch(input, { ...init, redirect: "follow" }),
    });
    expect((await rejectionOf(manager.getAccessToken())).code).toBe("token_request_rejected");
  });
});

describe("a redirect of metadata", () => {
  test.each(["oauth-authorization-server", "oauth-protected-resource"])(
    "a redirect of %s metadata to another origin is not followed",
    async (document) => {
      const evil = await startScriptedServer((_request, response) => sendJson(response, {}));
      const server = await startScriptedServer((request, response) => {
        if (request.url.includes(document)) {
          return void response.writeHead(302, { location: `${evil.origin}${request.url}` }).end();
        }
        const issuer = server.origin;
        if (request.url.includes("authorization-server")) {
          return sendJson(response, { issuer, token_endpoint: `${issuer}/token` });
        }
        return request.url === "/token" ? sendToken(response, "t") : sendJson(response, {}, 404);
      });
      const client = { issuer: server.origin, id: "agent", secret: { env: "SECRET" } };
      const config = { servers: { tools: { url: `${server.origin}/mcp`, grant: { client } } } };
      const { manager } = await createTestManager({ config, env: { SECRET: agentSecret } });
      await manager.getAccessToken().catch(() => {});
      expect(evil.requests).toEqual([]);
    },
  );
});

describe("a redirect of the MCP server", () => {
  /** Starts a server that redirects `/mcp` and echoes all other requests. */
  async function redirecting(to: (origin: string) => string, status = 307) {
    const issuer = await startScriptedIssuer(
      (_request, response) => sendToken(response, "t1"),
      (request, response) => {
        if (request.url === "/mcp") {
          return void response.writeHead(status, { location: to(issuer.server.origin) }).end("moved");
        }
        return sendJson(response, {
          method: request.method,
          body: request.body,
          authorization: request.headers.authorization,
          type: request.headers["content-type"],
          key: request.headers["x-api-key"],
        });
      },
    );
    const { tools } = issuer.config.servers;
    const config = { servers: { tools: { ...tools, headers: { "X-Api-Key": "k" } } } };
    const { manager } = await createTestManager({ config, env: issuer.env });
    return { issuer, manager };
  }

  test.each([
    [301, "GET", ""],
    [302, "GET", ""],
    [303, "GET", ""],
    [307, "POST", "{}"],
    [308, "POST", "{}"],
  ])("a %d of the MCP server on the same origin is followed with %s", async (status, method, body) => {
    const { issuer, manager } = await redirecting(() => "/v2/mcp", status);
    const response = await manager.fetch(issuer.url, {
      method: "POST",
      body: "{}",
      headers: { "content-type": "application/json" },
    });
    expect(await response.json()).toEqual({
      method,
      body,
      authorization: "Bearer t1",
      key: "k",
      ...(body !== "" && { type: "application/json" }),
    });
  });

  test.each(statuses)(
    "a %d of the MCP server to another origin is egress_denied, and nothing is sent there",
    async (status) => {
      const evil = await startScriptedServer((_request, response) => sendJson(response, {}));
      const { issuer, manager } = await redirecting(() => `${evil.origin}/mcp`, status);
      const error = await rejectionOf(manager.fetch(issuer.url, { method: "POST", body: "{}" }));
      expect(error).toMatchObject({ code: "egress_denied", server: "tools", retryable: false });
      expect(error.message).not.toContain(evil.origin);
      expect(evil.requests).toEqual([]);
    },
  );

  test.each([
    ["a localhost name", (origin: string) => `http://localhost:${new URL(origin).port}/mcp2`],
    ["a URL with user info", (origin: string) => origin.replace("http://", "http://a:b@evil.invalid@")],
    ["another scheme", () => "ftp://127.0.0.1/mcp"],
    ["a data URL", () => "data:application/json,{}"],
    ["a scheme-relative URL", () => "//evil.invalid/mcp"],
  ])("a redirect of the MCP server to %s is egress_denied", async (_, to) => {
    const { issuer, manager } = await redirecting(to);
    expect((await rejectionOf(manager.fetch(issuer.url))).code).toBe("egress_denied");
    expect(issuer.server.requests.filter(({ url }) => url.startsWith("/mcp"))).toHaveLength(1);
  });

  test("endless redirects of the MCP server are egress_denied after five", async () => {
    const { issuer, manager } = await redirecting(() => "/mcp");
    expect((await rejectionOf(manager.fetch(issuer.url))).code).toBe("egress_denied");
    expect(issuer.server.requests.filter(({ url }) => url === "/mcp")).toHaveLength(6);
  });

  test("with a reach of `path`, a redirect of the MCP server is followed only within that path", async () => {
    const issuer = await startScriptedIssuer(
      (_request, response) => sendToken(response, "t1"),
      (request, response) => {
        const to = { "/mcp": "/mcp/v2", "/mcp/out": "/admin", "/mcp/dots": "/mcp/../admin" }[request.url];
        if (to === undefined) return sendJson(response, { at: request.url });
        return void response.writeHead(307, { location: to }).end();
      },
    );
    const { tools } = issuer.config.servers;
    const config = { servers: { tools: { ...tools, reach: "path" as const } } };
    const { manager } = await createTestManager({ config, env: issuer.env });
    expect(await (await manager.fetch(issuer.url)).json()).toEqual({ at: "/mcp/v2" });
    for (const url of [`${issuer.url}/out`, `${issuer.url}/dots`, `${issuer.server.origin}/mcpx`]) {
      expect((await rejectionOf(manager.fetch(url))).code).toBe("egress_denied");
    }
    const reached = issuer.server.requests.map(({ url }) => url);
    expect(reached).not.toContain("/admin");
    expect(reached).not.toContain("/mcpx");
  });

  test.each([
    ["SDK v2", viaFetchV2],
    ["SDK v1", viaFetchV1],
  ])("a redirect of the MCP server is followed for a session of %s", async (_, connect) => {
    const issuer = await startScriptedIssuer(
      (_request, response) => sendToken(response, "t1"),
      (request, response) => {
        if (request.url === "/mcp") return void response.writeHead(308, { location: "/v2/mcp" }).end();
        if (request.headers.authorization !== "Bearer t1") return sendJson(response, {}, 401);
        if (request.method !== "POST") return sendJson(response, {}, 405);
        const { id, method, params } = JSON.parse(request.body);
        if (id === undefined) return void response.writeHead(202).end();
        const serverInfo = { name: "moved", version: "1" };
        const result =
          method === "initialize"
            ? { protocolVersion: params.protocolVersion, capabilities: { tools: {} }, serverInfo }
            : { content: [{ type: "text", text: params.arguments.text }] };
        return sendJson(response, { jsonrpc: "2.0", id, result });
      },
    );
    const { manager } = await createTestManager(issuer);
    expect(await (await connect(manager)).echo("moved")).toBe("moved");
  });
});
