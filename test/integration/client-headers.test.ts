// The `headers` of a client are sent to its authorization server, and to no other server.
import { describe, expect, test } from "vitest";
import type { McpAuthConfig, McpAuthOptions } from "../../src/index.js";
import type { Handler, HttpServer, RecordedRequest } from "../support/http-server.js";
import { sendJson } from "../support/http-server.js";
import { liveClock } from "../support/live-clock.js";
import { rejectionOf } from "../support/rejection-of.js";
import { sharedMemory } from "../support/shared-memory.js";
import {
  agentSecret,
  createTestRuntime,
  sendToken,
  startScriptedServer,
  viaOauthProviderV1,
} from "./harness.js";

const name = "cf-access-client-id";
const headers = { "CF-Access-Client-Id": { env: "CF_ID" } };
const id = "the-access-token-of-the-agent";
const env = { SECRET: agentSecret, CF_ID: id };

/** The URL of an MCP server that gets no request. Like the authorization servers, it is on this machine. */
const unused = "http://127.0.0.1:9/mcp";

const without: Handler = (_request, response) =>
  void response.writeHead(302, { location: "https://login.example" }).end();

interface GuardedIssuer extends HttpServer {
  at(url: string): readonly RecordedRequest[];
}

/** Starts an authorization server behind a login that only the right header passes, as with Cloudflare Access. */
async function startGuarded(
  answer: (request: RecordedRequest, origin: string) => object | undefined = () => undefined,
): Promise<GuardedIssuer> {
  const server = await startScriptedServer((request, response) => {
    const { origin } = server;
    if (request.headers[name] !== id) return without(request, response);
    const own = answer(request, origin);
    if (own !== undefined) return sendJson(response, own);
    if (request.url === "/.well-known/oauth-authorization-server") {
      return sendJson(response, { issuer: origin, token_endpoint: `${origin}/token` });
    }
    if (request.url === "/token") return sendToken(response, "t");
    return sendJson(response, {}, 404);
  });
  return Object.assign(server, {
    at: (url: string) => server.requests.filter((request) => request.url === url),
  });
}

/** Starts an MCP server, whose metadata names the issuer. */
async function startMcp(issuer: string): Promise<HttpServer> {
  const mcp = await startScriptedServer(({ url }, response) => {
    if (url === "/mcp") return sendJson(response, {});
    const metadata = { resource: `${mcp.origin}/mcp`, authorization_servers: [issuer] };
    return sendJson(response, metadata, url.startsWith("/.well-known/") ? 200 : 404);
  });
  return mcp;
}

const clientAt = (issuer: string, more: object = {}) => ({
  ...{ issuer, id: "agent", secret: { env: "SECRET" }, headers },
  ...more,
});

async function managers(servers: object, options: McpAuthOptions<string> = {}) {
  // Built from parts.
  const config = { servers } as McpAuthConfig<string>;
  return await createTestRuntime<string>({ config, env, ...options });
}

const sentHeaders = ({ requests }: HttpServer) => requests.map((request) => request.headers[name]);

describe("the headers of a client", () => {
  test("headers are sent to the issuer's metadata and token URLs, and not to the MCP server", async () => {
    const issuer = await startGuarded();
    const mcp = await startMcp(issuer.origin);
    const auth = await managers({
      tools: { url: `${mcp.origin}/mcp`, grant: { client: clientAt(issuer.origin) } },
    });
    const manager = auth.resolve("tools");
    expect((await manager.fetch(manager.url)).status).toBe(200);
    expect(issuer.requests.map(({ url, headers: sent }) => [url, sent[name]])).toEqual([
      ["/.well-known/oauth-authorization-server", id],
      ["/token", id],
    ]);
    const [request] = issuer.at("/token");
    expect(request?.headers.authorization).toMatch(/^Basic /);
    expect(request?.headers["content-type"]).toMatch(/^application\/x-www-form-urlencoded/);
    expect(sentHeaders(mcp).every((value) => value === undefined)).toBe(true);
    expect(mcp.requests.length).toBeGreaterThan(1);
    expect(Object.keys(await manager.getHeaders())).toEqual(["authorization"]);
  });

  test("headers may replace the User-Agent and the Accept that are sent by default", async () => {
    const issuer = await startGuarded();
    const own = { ...headers, "User-Agent": "crm/1", accept: "application/json;q=1" };
    const client = clientAt(issuer.origin, { headers: own });
    const auth = await managers({
      tools: { url: unused, resourceMetadata: false, grant: { client } },
    });
    await auth.resolve("tools").getAccessToken();
    expect(issuer.at("/token").map(({ headers: sent }) => [sent["user-agent"], sent.accept])).toEqual([
      ["crm/1", "application/json;q=1"],
    ]);
  });

  test("headers are sent to a token endpoint on another origin that the issuer's metadata names, and to no other URL there", async () => {
    const endpoints = await startGuarded();
    const issuer = await startGuarded(({ url }, origin) =>
      url === "/.well-known/oauth-authorization-server"
        ? {
            issuer: origin,
            token_endpoint: `${endpoints.origin}/token`,
            jwks_uri: `${endpoints.origin}/jwks`,
          }
        : undefined,
    );
    const mcp = await startMcp(issuer.origin);
    const auth = await managers({
      tools: { url: `${mcp.origin}/mcp`, grant: { client: clientAt(issuer.origin) } },
    });
    await auth.resolve("tools").getAccessToken();
    expect(endpoints.requests.map(({ url, headers: sent }) => [url, sent[name]])).toEqual([["/token", id]]);
    expect(issuer.at("/token")).toEqual([]);
  });

  test("headers are not sent to where the token endpoint redirects", async () => {
    const elsewhere = await startScriptedServer((_request, response) => sendToken(response, "t"));
    const issuer = await startScriptedServer(({ url }, response) => {
      const { origin } = issuer;
      if (url === "/token")
        return void response.writeHead(307, { location: `${elsewhere.origin}/token` }).end();
      return sendJson(response, { issuer: origin, token_endpoint: `${origin}/token` });
    });
    const auth = await managers({
      tools: {
        url: unused,
        resourceMetadata: false,
        grant: { client: clientAt(issuer.origin) },
      },
    });
    await expect(auth.resolve("tools").getAccessToken()).rejects.toMatchObject({ server: "tools" });
    expect(elsewhere.requests).toEqual([]);
  });

  test.each([
    ["first", ["open", "guarded"]],
    ["second", ["guarded", "open"]],
  ])(
    "a client without the headers that asks %s does not change what a client with them finds at the same issuer",
    async (_, order) => {
      const issuer = await startGuarded();
      const server = (client: object) => ({
        url: unused,
        resourceMetadata: false,
        grant: { client },
      });
      const auth = await managers({
        guarded: server(clientAt(issuer.origin)),
        open: server(clientAt(issuer.origin, { headers: undefined })),
      });
      for (const each of order) {
        const token = auth.resolve(each).getAccessToken();
        if (each === "guarded") expect(await token).toBe("t");
        else expect(await rejectionOf(token)).toMatchObject({ code: "discovery_failed" });
      }
      expect(issuer.at("/token")).toHaveLength(1);
    },
  );

  /** Starts an authorization server whose header chooses a tenant, with a token endpoint of its own. */
  async function startTenants() {
    const server = await startScriptedServer(({ url, headers: sent }, response) => {
      const { origin } = server;
      if (url.startsWith("/token/")) return sendToken(response, `of-${url.slice("/token/".length)}`);
      return sendJson(response, { issuer: origin, token_endpoint: `${origin}/token/${sent["x-tenant"]}` });
    });
    return server;
  }
  const inTenant = (issuer: string, tenant: string | object) => ({
    url: unused,
    resourceMetadata: false,
    grant: { client: clientAt(issuer, { headers: { "X-Tenant": tenant } }) },
  });

  test("clients of one issuer with different headers use the metadata that each of them was sent", async () => {
    const { origin } = await startTenants();
    const auth = await managers(
      {
        a: inTenant(origin, "a"),
        b: inTenant(origin, "b"),
        c: inTenant(origin, { env: "TENANT" }),
      },
      { env: { ...env, TENANT: "c" } },
    );
    const tokens = ["a", "b", "c", "a"].map((each) => auth.resolve(each).getAccessToken());
    expect(await Promise.all(tokens)).toEqual(["of-a", "of-b", "of-c", "of-a"]);
  });

  test("processes whose header has another value share neither tokens nor metadata", async () => {
    const server = await startTenants();
    const memory = sharedMemory();
    const tokenIn = async (tenant: string) => {
      const auth = await managers(
        { crm: inTenant(server.origin, { env: "TENANT" }) },
        { env: { ...env, TENANT: tenant }, store: memory.store() },
      );
      return await auth.resolve("crm").getAccessToken();
    };
    const tenants = ["a", "b", "a", "b"];
    const tokens: string[] = [];
    for (const tenant of tenants) tokens.push(await tokenIn(tenant));
    expect(tokens).toEqual(tenants.map((tenant) => `of-${tenant}`));
    // Each tenant needed its metadata and its token once.
    expect(server.requests).toHaveLength(4);
  });

  test("a client of an identity provider has headers of its own, which the other server does not get", async () => {
    const idJag = "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhIn0.c2ln";
    const type = "urn:ietf:params:oauth:token-type:id-jag";
    const start = async (response: object) => {
      const server = await startScriptedServer(({ url }, answer) => {
        const { origin } = server;
        if (url === "/token") return sendJson(answer, response);
        return sendJson(answer, { issuer: origin, token_endpoint: `${origin}/token` });
      });
      return server;
    };
    const idp = await start({ access_token: idJag, issued_token_type: type, token_type: "N_A" });
    const issuer = await start({ access_token: "t", token_type: "Bearer", expires_in: 600 });
    const grant = {
      type: "enterprise_managed",
      client: clientAt(issuer.origin, { headers: { "x-as": "1" } }),
      idp: {
        client: clientAt(idp.origin, { headers: { "x-idp": { env: "CF_ID" } } }),
        subject: { token: { env: "ID_TOKEN" } },
      },
    };
    const auth = await managers(
      { tools: { url: unused, resourceMetadata: false, grant } },
      { env: { ...env, ID_TOKEN: "id-token" } },
    );
    await auth.resolve("tools").getAccessToken();
    const sent = ({ requests }: HttpServer) =>
      requests.map(({ url, headers: h }) => [url, h["x-as"], h["x-idp"]]);
    const metadata = "/.well-known/oauth-authorization-server";
    expect(sent(issuer)).toEqual([
      [metadata, "1", undefined],
      ["/token", "1", undefined],
    ]);
    expect(sent(idp)).toEqual([
      [metadata, undefined, id],
      ["/token", undefined, id],
    ]);
  });

  test("oauthProvider adds the headers to the token request that the host sends", async () => {
    const issuer = await startScriptedServer(({ url }, response) => {
      const { origin } = issuer;
      if (url === "/token") return sendToken(response, "t");
      const metadata = {
        issuer: origin,
        token_endpoint: `${origin}/token`,
        response_types_supported: ["code"],
      };
      return sendJson(response, metadata, url === "/.well-known/oauth-authorization-server" ? 200 : 404);
    });
    const mcp = await startScriptedServer(({ url, headers: sent }, response) => {
      if (url === "/mcp") return sendJson(response, {}, sent.authorization === undefined ? 401 : 500);
      const metadata = { resource: `${mcp.origin}/mcp`, authorization_servers: [issuer.origin] };
      return sendJson(response, metadata, url.startsWith("/.well-known/") ? 200 : 404);
    });
    const auth = await managers({
      tools: { url: `${mcp.origin}/mcp`, grant: { client: clientAt(issuer.origin) } },
    });
    // The MCP server refuses to work, but by then the host has a token.
    await expect(viaOauthProviderV1(auth.resolve("tools"))).rejects.toThrow();
    const tokenRequests = issuer.requests.filter(({ url }) => url === "/token");
    expect(tokenRequests.map(({ headers: sent }) => sent[name])).toEqual([id]);
    expect(sentHeaders(mcp).every((value) => value === undefined)).toBe(true);
  });
});

describe("the secrets in the headers of a client", () => {
  const direct = (issuer: string, more: object = {}) => ({
    url: unused,
    resourceMetadata: false,
    grant: { client: clientAt(issuer, { metadata: { tokenEndpoint: `${issuer}/token` }, ...more }) },
  });

  test("a secret in a header is read for each token request", async () => {
    const server = await startScriptedServer((_request, response) => sendToken(response, "t"));
    const variables = { ...env };
    const auth = await managers({ tools: direct(server.origin) }, { env: variables });
    const manager = auth.resolve("tools");
    await manager.getAccessToken();
    variables.CF_ID = "another";
    await manager.getAccessToken({ forceRefresh: true });
    expect(sentHeaders(server)).toEqual([id, "another"]);
  });

  test.each([
    ["is missing", undefined, /^Server "\w+": CF_ID is not set\. /],
    [
      "is no header value",
      "a\nb",
      /"CF_ID": its value cannot be sent in a header, which is one line of Latin-1 text\.$/,
    ],
  ])("if a secret in a header %s, nothing is sent", async (_, value, problem) => {
    const issuer = await startGuarded();
    const { origin } = issuer;
    const { CF_ID: _id, ...others } = env;
    const auth = await managers(
      { found: { ...direct(origin), grant: { client: clientAt(origin) } }, direct: direct(origin) },
      { env: { ...others, ...(value !== undefined && { CF_ID: value }) } },
    );
    for (const each of ["found", "direct"]) {
      const error = await rejectionOf(auth.resolve(each).getAccessToken());
      expect(error).toMatchObject({ code: "secret_unavailable", server: each });
      expect(error.message).toMatch(problem);
    }
    expect(issuer.requests).toEqual([]);
  });

  /** Creates a manager for a client with a header whose value never arrives. */
  async function waiting(isFound: boolean, deadline = "2s") {
    const { clock, fetch, advance } = liveClock();
    const server = await startScriptedServer((_request, response) => sendToken(response, "t"));
    let arrived = (): void => {};
    const asked = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const signals: AbortSignal[] = [];
    const never = (_ref: string, { signal }: { signal: AbortSignal }): Promise<never> => {
      signals.push(signal);
      arrived();
      return new Promise(() => {});
    };
    const slow = { headers: { "x-key": { resolver: "never", ref: "r" } } };
    const tools = direct(server.origin, isFound ? { ...slow, metadata: undefined } : slow);
    const auth = await managers({ tools: { ...tools, deadline } }, { resolvers: { never }, clock, fetch });
    return { auth, manager: auth.resolve("tools"), asked, signals, server, advance };
  }

  const places: readonly (readonly [string, boolean])[] = [
    ["the metadata", true],
    ["the token", false],
  ];

  test.each(places)("a call ends with its signal while a header for %s is read", async (_, isFound) => {
    const { auth, manager, asked, server, advance } = await waiting(isFound);
    const caller = new AbortController();
    const failed = rejectionOf(manager.getAccessToken({ signal: caller.signal }));
    await asked;
    caller.abort();
    expect(await failed).toMatchObject({ code: "aborted", server: "tools" });
    expect(server.requests).toEqual([]);
    // The request goes on for other callers, so `stop()` waits for it.
    const stopped = auth.stop();
    await advance(5_000);
    await stopped;
  });

  test.each(places)("a call ends at its deadline while a header for %s is read", async (_, isFound) => {
    const { manager, asked, server, advance } = await waiting(isFound);
    const failed = rejectionOf(manager.getAccessToken());
    await asked;
    await advance(2_000);
    expect(await failed).toMatchObject({ code: "timeout", server: "tools", retryable: true });
    expect(server.requests).toEqual([]);
  });

  test.each(places)("a call ends with stop() while a header for %s is read", async (_, isFound) => {
    const { auth, manager, asked, signals, advance } = await waiting(isFound, "1h");
    const failed = rejectionOf(manager.getAccessToken());
    await asked;
    const stopped = auth.stop();
    await advance(5_000);
    await stopped;
    expect(await failed).toMatchObject({ code: "stopped", server: "tools" });
    expect(signals.map(({ aborted }) => aborted)).toEqual([true]);
  });

  test("a header value that the authorization server quotes is not in the error", async () => {
    const server = await startScriptedServer(({ headers: sent }, response) =>
      sendJson(response, { error: "invalid_client", error_description: `no: ${sent[name]} !` }, 401),
    );
    const auth = await managers({ tools: direct(server.origin) });
    const error = await rejectionOf(auth.resolve("tools").getAccessToken());
    expect(error.details).toMatchObject({ error_description: "no: <secret> !" });
    expect(JSON.stringify([error.message, error.stack])).not.toContain(id);
  });
});
