// Tests of the servers that the other integration tests and the demo rely on: they behave like real ones.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Client as ClientV1 } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport as TransportV1 } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport as TransportInterfaceV1 } from "@modelcontextprotocol/sdk/shared/transport.js";
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from "../support/authorization-server.js";
import { type RunningMcpServer, startMcpServer } from "../support/mcp-server.js";

const secret = "a:b%c+d e";
const credentials = `Basic ${btoa(`agent:${encodeURIComponent(secret)}`)}`;
const keys = await generateKeyPair("EdDSA", { extractable: true });

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Sends a token request. */
async function askToken(
  server: RunningAuthorizationServer,
  params: Readonly<Record<string, string>>,
  authorization?: string,
): Promise<Answer> {
  return post(server.tokenEndpoint, { grant_type: "client_credentials", ...params }, authorization);
}

async function post(
  url: string,
  params: Readonly<Record<string, string>>,
  authorization?: string,
): Promise<Answer> {
  const response = await fetch(url, {
    method: "POST",
    redirect: "manual",
    headers: authorization === undefined ? {} : { authorization },
    body: new URLSearchParams(params),
  });
  const text = await response.text();
  // The servers return objects or empty bodies.
  const body = (text === "" ? {} : JSON.parse(text)) as Answer["body"];
  return { status: response.status, headers: response.headers, body };
}

describe("the test authorization server", () => {
  let server: RunningAuthorizationServer;
  const resource = "https://mcp.example/tools";
  beforeAll(async () => {
    server = await startAuthorizationServer({
      clients: [
        { id: "agent", secret, scopes: ["read"] },
        { id: "signer", publicKey: await exportJWK(keys.publicKey), alg: "EdDSA" },
        { id: "public" },
      ],
      scopes: ["read", "write"],
      resources: [resource],
      lifetime: 8,
    });
  });
  afterAll(() => server.close());

  test("the test authorization server publishes the same metadata at both well-known URLs", async () => {
    const documents = ["oauth-authorization-server", "openid-configuration"].map(async (name) =>
      (await fetch(`${server.issuer}/.well-known/${name}`)).json(),
    );
    const [first, second] = await Promise.all(documents);
    expect(first).toEqual(second);
    expect(first).toMatchObject({
      issuer: server.issuer,
      token_endpoint: server.tokenEndpoint,
      introspection_endpoint: server.introspectionEndpoint,
      revocation_endpoint: server.revocationEndpoint,
      grant_types_supported: ["client_credentials"],
      token_endpoint_auth_methods_supported: [
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt",
        "none",
      ],
    });
  });

  test("the test authorization server issues a JWT for the resource and records the request and the token", async () => {
    const { status, body } = await askToken(server, { resource, scope: "read" }, credentials);
    expect(status).toBe(200);
    expect(body).toMatchObject({ token_type: "Bearer", expires_in: 8, scope: "read" });
    const claims = decodeJwt(String(body["access_token"]));
    expect(claims).toMatchObject({ iss: server.issuer, aud: resource, client_id: "agent", scope: "read" });
    expect(server.issued.at(-1)).toEqual({
      jti: claims.jti,
      clientId: "agent",
      resource,
      scope: "read",
      expiresAt: (claims.iat ?? 0) * 1000 + 8_000,
    });
    expect(server.tokenRequests.at(-1)).toMatchObject({
      method: "POST",
      headers: { authorization: credentials },
      params: { grant_type: "client_credentials", resource, scope: "read" },
      clientId: "agent",
      status: 200,
      error: undefined,
    });
  });

  test("the test authorization server accepts a secret in the body, a key without kid, and a public client", async () => {
    const assertion = await new SignJWT({ jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: "EdDSA" })
      .setIssuer("signer")
      .setSubject("signer")
      .setAudience(server.issuer)
      .setIssuedAt()
      .setExpirationTime("1m")
      .sign(keys.privateKey);
    const type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    const before = server.tokensIssued;
    const answers = [
      await askToken(server, { resource, client_id: "agent", client_secret: secret }),
      await askToken(server, { resource, client_assertion_type: type, client_assertion: assertion }),
      await askToken(server, { resource, client_id: "public" }),
    ];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(server.tokensIssued).toBe(before + 3);
    expect(server.tokenRequests.slice(-3).map(({ clientId }) => clientId)).toEqual([
      "agent",
      "signer",
      "public",
    ]);
  });

  test("the test authorization server refuses a wrong secret, scope or resource with the right code", async () => {
    const wrong = await askToken(server, { resource }, `Basic ${btoa("agent:wrong")}`);
    expect([wrong.status, wrong.body["error"]]).toEqual([401, "invalid_client"]);
    expect(wrong.headers.get("www-authenticate")).toMatch(/^Basic /);
    expect(server.tokenRequests.at(-1)).toMatchObject({
      clientId: "agent",
      status: 401,
      error: "invalid_client",
    });
    const scope = await askToken(server, { resource, scope: "write" }, credentials);
    expect([scope.status, scope.body["error"]]).toEqual([400, "invalid_scope"]);
    const target = await askToken(server, { resource: `${resource}/` }, credentials);
    expect([target.status, target.body["error"]]).toEqual([400, "invalid_target"]);
  });

  test("the test authorization server can fail a number of requests and redirect requests", async () => {
    const before = server.tokensIssued;
    server.failNext(2, 503, { "retry-after": "7" });
    for (const _ of [1, 2]) {
      const { status, headers } = await askToken(server, { resource }, credentials);
      expect([status, headers.get("retry-after")]).toEqual([503, "7"]);
    }
    server.redirectTokenEndpoint("https://elsewhere.example/token");
    const moved = await askToken(server, { resource }, credentials);
    expect([moved.status, moved.headers.get("location")]).toEqual([307, "https://elsewhere.example/token"]);
    expect(server.tokenRequests.at(-1)).toMatchObject({
      params: { resource },
      clientId: "agent",
      status: 307,
    });
    server.redirectTokenEndpoint(undefined);
    expect(server.tokensIssued).toBe(before);
    expect((await askToken(server, { resource }, credentials)).status).toBe(200);
    expect(server.failures).toEqual([]);
  });

  test("the test authorization server revokes opaque tokens and not JWTs", async () => {
    const jwt = await askToken(server, { resource }, credentials);
    const refused = await post(
      server.revocationEndpoint,
      { token: String(jwt.body["access_token"]) },
      credentials,
    );
    expect([refused.status, refused.body["error"]]).toEqual([400, "unsupported_token_type"]);

    await using other = await startAuthorizationServer({
      clients: [{ id: "agent", secret }],
      tokens: "opaque",
    });
    const { body } = await askToken(other, { resource }, credentials);
    const token = String(body["access_token"]);
    expect(other.issued).toMatchObject([{ jti: token, clientId: "agent", resource }]);
    const introspect = async () => (await post(other.introspectionEndpoint, { token }, credentials)).body;
    expect(await introspect()).toMatchObject({ active: true, client_id: "agent", aud: resource });
    expect((await post(other.revocationEndpoint, { token }, credentials)).status).toBe(200);
    expect(await introspect()).toEqual({ active: false });
  });

  test("the test authorization server does not answer after it was closed", async () => {
    const other = await startAuthorizationServer({ clients: [] });
    expect((await fetch(`${other.issuer}/jwks`)).status).toBe(200);
    await other.close();
    await expect(fetch(`${other.issuer}/jwks`)).rejects.toThrow("fetch failed");
  });
});

describe("the test MCP server", () => {
  let issuer: RunningAuthorizationServer;
  let server: RunningMcpServer;
  beforeAll(async () => {
    issuer = await startAuthorizationServer({
      clients: [{ id: "agent", secret }],
      scopes: ["read"],
      lifetime: 8,
    });
    server = await startMcpServer({ issuer: issuer.issuer, path: "/tools/mcp", scopes: ["read"] });
  });
  afterAll(() => Promise.all([server.close(), issuer.close()]));
  afterEach(() => vi.useRealTimers());

  async function token(params: Readonly<Record<string, string>> = {}, from = issuer): Promise<string> {
    const { body } = await askToken(from, { resource: server.url, scope: "read", ...params }, credentials);
    return String(body["access_token"]);
  }

  /** Sends a GET, which gets 401 or 403 for a bad token and 405 otherwise. */
  async function probe(accessToken: string, at = server): Promise<number> {
    const response = await fetch(at.url, { headers: { authorization: `Bearer ${accessToken}` } });
    await response.body?.cancel();
    return response.status;
  }

  test("the test MCP server answers 401 with a challenge that has the metadata URL", async () => {
    const before = server.unauthorized;
    const response = await fetch(server.url, { method: "POST", body: "{}" });
    const metadataUrl = `${server.origin}/.well-known/oauth-protected-resource/tools/mcp`;
    expect(response.status).toBe(401);
    expect(response.headers.get("www-authenticate")).toMatch(/^Bearer /);
    expect(response.headers.get("www-authenticate")).toContain(
      `scope="read", resource_metadata="${metadataUrl}"`,
    );
    expect(server.unauthorized).toBe(before + 1);
    expect(await (await fetch(metadataUrl)).json()).toEqual({
      resource: server.url,
      authorization_servers: [issuer.issuer],
      bearer_methods_supported: ["header"],
      scopes_supported: ["read"],
    });
  });

  test("the test MCP server can omit its metadata and can name other authorization servers", async () => {
    const path = "/.well-known/oauth-protected-resource/mcp";
    await using silent = await startMcpServer({ issuer: issuer.issuer, publishMetadata: false });
    expect((await fetch(`${silent.origin}${path}`)).status).toBe(404);
    expect((await fetch(silent.url)).headers.get("www-authenticate")).not.toContain("resource_metadata");
    const authorizationServers = ["https://auth.example"];
    await using other = await startMcpServer({ issuer: issuer.issuer, authorizationServers });
    const metadata = await (await fetch(`${other.origin}${path}`)).json();
    expect(metadata).toMatchObject({ authorization_servers: authorizationServers });
  });

  test.each([
    ["SDK v2", "2025-11-25", () => ({})],
    ["SDK v2", "2026-07-28", () => ({ versionNegotiation: { mode: "auto" } }) as const],
  ])("the test MCP server works with %s in protocol %s", async (_, version, options) => {
    const client = new Client({ name: "test", version: "1.0.0" }, options());
    const headers = { authorization: `Bearer ${await token()}` };
    await client.connect(
      new StreamableHTTPClientTransport(new URL(server.url), { requestInit: { headers } }),
    );
    expect(client.getNegotiatedProtocolVersion()).toBe(version);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["echo"]);
    expect((await client.callTool({ name: "echo", arguments: { text: "hi" } })).content).toEqual([
      { type: "text", text: "hi" },
    ]);
    await client.close();
  });

  test("the test MCP server works with SDK v1", async () => {
    const client = new ClientV1({ name: "test", version: "1.0.0" });
    const accessToken = await token();
    const headers = { authorization: `Bearer ${accessToken}` };
    const transport = new TransportV1(new URL(server.url), { requestInit: { headers } });
    // The SDK's class does not match its own Transport type under exactOptionalPropertyTypes.
    await client.connect(transport as unknown as TransportInterfaceV1);
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(["echo"]);
    expect((await client.callTool({ name: "echo", arguments: { text: "hi" } })).content).toEqual([
      { type: "text", text: "hi" },
    ]);
    await client.close();
    const { jti } = decodeJwt(accessToken);
    const mine = server.requests.filter((request) => request.jti === jti);
    expect(mine.map(({ method, path, status }) => [method, path, status])).toEqual([
      ["POST", "/tools/mcp", 200],
      ["POST", "/tools/mcp", 202],
      ["GET", "/tools/mcp", 405],
      ["POST", "/tools/mcp", 200],
      ["POST", "/tools/mcp", 200],
    ]);
  });

  test("the test MCP server refuses a token for another resource, of another issuer, and an invalid one", async () => {
    await using other = await startAuthorizationServer({
      clients: [{ id: "agent", secret }],
      scopes: ["read"],
    });
    expect(await probe(await token())).toBe(405);
    expect(await probe(await token({ resource: `${server.origin}/other` }))).toBe(401);
    expect(await probe(await token({}, other))).toBe(401);
    expect(await probe("nonsense")).toBe(401);
  });

  test("the test MCP server refuses a token without the scope with 403 insufficient_scope", async () => {
    const authorization = `Bearer ${await token({ scope: "" })}`;
    const response = await fetch(server.url, { headers: { authorization } });
    expect(response.status).toBe(403);
    expect(response.headers.get("www-authenticate")).toMatch(
      /^Bearer error="insufficient_scope".*scope="read"/,
    );
  });

  test("the test MCP server refuses a token from the second in which it expires", async () => {
    const accessToken = await token();
    const { exp = 0 } = decodeJwt(accessToken);
    vi.useFakeTimers({ toFake: ["Date"], now: exp * 1000 - 1 });
    expect(await probe(accessToken)).toBe(405);
    vi.setSystemTime(exp * 1000);
    expect(await probe(accessToken)).toBe(401);
  });

  test("the test MCP server refuses only the token whose jti was revoked", async () => {
    const [first, second] = [await token(), await token()];
    expect(await probe(first)).toBe(405);
    server.revoke(decodeJwt(first).jti ?? "");
    expect([await probe(first), await probe(second)]).toEqual([401, 405]);
  });

  test("the test MCP server introspects opaque tokens at the issuer", async () => {
    const introspectAs = { id: "mcp", secret: "mcp-secret" };
    const clients = [{ id: "agent", secret }, introspectAs];
    await using opaque = await startAuthorizationServer({ clients, scopes: ["read"], tokens: "opaque" });
    await using guarded = await startMcpServer({ issuer: opaque.issuer, scopes: ["read"], introspectAs });
    const accessToken = await token({ resource: guarded.url }, opaque);
    expect(await probe(accessToken, guarded)).toBe(405);
    expect(guarded.requests.at(-1)).toMatchObject({ jti: accessToken, status: 405 });
    await post(opaque.revocationEndpoint, { token: accessToken }, credentials);
    expect(await probe(accessToken, guarded)).toBe(401);
  });
});
