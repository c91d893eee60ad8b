import { generateKeyPairSync, sign } from "node:crypto";
import { inspect } from "node:util";
import {
  createLocalJWKSet,
  createRemoteJWKSet,
  decodeJwt,
  exportJWK,
  generateKeyPair,
  type JSONWebKeySet,
  jwtVerify,
  SignJWT,
} from "jose";
import { expect, test } from "vitest";
import { createMcpAuth } from "../../../../src/runtime/create-mcp-auth.js";
import { verifyJwt } from "../../../../src/testing/authorization-server/jwt.js";
import type {
  TestAuthorizationServer,
  TestAuthorizationServerOptions,
} from "../../../../src/testing/authorization-server/public-types.js";
import { testAuthorizationServer } from "../../../../src/testing/authorization-server/test-authorization-server.js";
import { rejectionOf } from "../../../support/rejection-of.js";

const secret = "canary-of-the-client";
const basic = (id: string, password = secret): string =>
  `Basic ${Buffer.from(`${id}:${password}`).toString("base64")}`;
const clients = { agent: { secret, scopes: ["read", "write"] }, public: {} };
const start = (options: Partial<TestAuthorizationServerOptions> = {}) =>
  testAuthorizationServer({ clients, ...options });

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Readonly<Record<string, unknown>>;
}

async function post(
  { issuer }: TestAuthorizationServer,
  path: string,
  fields: Readonly<Record<string, string>> | Fields,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const body = new URLSearchParams();
  for (const [name, value] of isList(fields) ? fields : Object.entries(fields)) body.append(name, value);
  const response = await fetch(`${issuer}${path}`, { method: "POST", body, headers });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === "" ? {} : JSON.parse(text) };
}

type Fields = readonly (readonly [string, string])[];

function isList(fields: Readonly<Record<string, string>> | Fields): fields is Fields {
  return Array.isArray(fields);
}

async function getJson(url: string): Promise<Readonly<Record<string, unknown>>> {
  // All documents of the server are objects.
  return (await (await fetch(url)).json()) as Readonly<Record<string, unknown>>;
}

const request = { grant_type: "client_credentials" };

test("a token of the test server can be verified with the JWKS that its metadata names", async () => {
  await using server = await start({ lifetime: "90s" });
  const authorization = basic("agent");
  const fields = { ...request, resource: "https://crm.example/mcp", scope: "read" };
  const { status, body, headers } = await post(server, "/token", fields, { authorization });
  expect(status).toBe(200);
  expect(headers.get("cache-control")).toBe("no-store");
  expect(body).toEqual({
    access_token: expect.any(String),
    token_type: "Bearer",
    expires_in: 90,
    scope: "read",
  });
  const metadata = await getJson(`${server.issuer}/.well-known/oauth-authorization-server`);
  expect(metadata["issuer"]).toBe(server.issuer);
  const { payload, protectedHeader } = await jwtVerify(
    String(body["access_token"]),
    createRemoteJWKSet(new URL(String(metadata["jwks_uri"]))),
    { issuer: server.issuer, audience: "https://crm.example/mcp", typ: "at+jwt" },
  );
  expect(protectedHeader.alg).toBe("ES256");
  expect(payload).toMatchObject({ sub: "agent", client_id: "agent", scope: "read" });
  expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(90);
});

test("requests are recorded with what they ask for, without a secret", async () => {
  await using server = await start();
  const two = [
    ["grant_type", "client_credentials"],
    ["resource", "https://a.example/"],
    ["resource", "https://b.example/"],
  ] as const;
  const { body } = await post(server, "/token", two, { authorization: basic("agent") });
  expect(decodeJwt(String(body["access_token"])).aud).toEqual(["https://a.example/", "https://b.example/"]);
  await post(server, "/token", { ...request, client_id: "agent", client_secret: secret, scope: "admin" });
  expect(server.requests).toEqual([
    {
      ...{
        at: expect.any(Number),
        clientId: "agent",
        method: "client_secret_basic",
        dpop: false,
        status: 200,
      },
      parameters: {
        grant_type: "client_credentials",
        resource: ["https://a.example/", "https://b.example/"],
      },
    },
    {
      ...{
        at: expect.any(Number),
        clientId: "agent",
        method: "client_secret_post",
        dpop: false,
        status: 400,
      },
      parameters: {
        ...{ grant_type: "client_credentials", client_id: "agent", scope: "admin" },
        client_secret: "<secret>",
      },
      error: "invalid_scope",
      errorDescription: "The client may not have this scope.",
    },
  ]);
  const shown = inspect(server, { depth: 9, showHidden: true }) + JSON.stringify(server);
  expect(shown).toContain("agent");
  expect(shown).not.toContain("canary");
  expect(shown).not.toMatch(/"d"|PrivateKey|KeyObject/);
});

test.each([
  [{ ...request, client_id: "nobody" }, {}, 401, "invalid_client"],
  [request, {}, 401, "invalid_client"],
  [request, { authorization: basic("agent", "wrong") }, 401, "invalid_client"],
  [{ ...request, client_id: "agent" }, {}, 401, "invalid_client"],
  [{ ...request, client_id: "public" }, {}, 400, "unauthorized_client"],
  [{ grant_type: "password" }, { authorization: basic("agent") }, 400, "unsupported_grant_type"],
  [{}, { authorization: basic("agent") }, 400, "invalid_request"],
  [{ ...request, scope: "admin" }, { authorization: basic("agent") }, 400, "invalid_scope"],
  [{ ...request, client_secret: secret }, { authorization: basic("agent") }, 400, "invalid_request"],
  [{ ...request, client_assertion: "x" }, { authorization: basic("agent") }, 400, "invalid_request"],
  [
    { ...request, client_id: "agent", client_secret: secret, client_assertion: "x" },
    {},
    400,
    "invalid_request",
  ],
  [{ ...request, client_id: "public" }, { authorization: basic("agent") }, 400, "invalid_request"],
  [{ ...request, resource: "crm" }, { authorization: basic("agent") }, 400, "invalid_target"],
  [
    { grant_type: "refresh_token", refresh_token: "x" },
    { authorization: basic("agent") },
    400,
    "invalid_grant",
  ],
])(
  "the error response of RFC 6749 is that for the mistake: %j with %j",
  async (fields, headers, status, error) => {
    await using server = await start();
    const answer = await post(server, "/token", fields, headers);
    expect(answer).toMatchObject({ status, body: { error, error_description: expect.any(String) } });
    const isBasic = "authorization" in headers && status === 401;
    expect(answer.headers.get("www-authenticate")).toBe(isBasic ? "Basic" : null);
    expect(server.requests).toMatchObject([
      { status, error, errorDescription: answer.body["error_description"] },
    ]);
  },
);

test("a resource that the server does not know is refused, and so is one of several", async () => {
  const known = "https://crm.example/mcp";
  await using server = await start({ resources: [known] });
  const send = async (...resources: readonly string[]) => {
    const fields = [
      ["grant_type", "client_credentials"] as const,
      ...resources.map((resource) => ["resource", resource] as const),
    ];
    return (await post(server, "/token", fields, { authorization: basic("agent") })).body;
  };
  expect(decodeJwt(String((await send(known))["access_token"])).aud).toBe(known);
  expect(await send("https://billing.example/mcp")).toMatchObject({ error: "invalid_target" });
  expect(await send(known, "https://billing.example/mcp")).toMatchObject({ error: "invalid_target" });
  expect(await send()).toHaveProperty("access_token");
});

test.each([
  ["/introspect", "public", {}, 401, "invalid_client"],
  ["/introspect", "agent", {}, 400, "invalid_request"],
  ["/revoke", "agent", {}, 400, "invalid_request"],
  ["/revoke", "public", { token: "x" }, 200, undefined],
])(
  "the request %s of the client %s with %j gets the answer of its RFC",
  async (path, id, fields, status, error) => {
    await using server = await start();
    const client = id === "public" ? { client_id: id } : { client_id: id, client_secret: secret };
    const answer = await post(server, path, { ...client, ...fields });
    expect([answer.status, answer.body["error"]]).toEqual([status, error]);
  },
);

test.each([
  ["an unknown type of the subject token", { subject_token_type: "token" }],
  ["a type without its token", { actor_token_type: "urn:ietf:params:oauth:token-type:access_token" }],
])("a token exchange with %s is refused", async (_, wrong) => {
  await using server = await start();
  const fields = {
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: server.issueToken({ clientId: "app" }),
    subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
  };
  const authorization = basic("agent");
  expect((await post(server, "/token", fields, { authorization })).status).toBe(200);
  const { status, body } = await post(server, "/token", { ...fields, ...wrong }, { authorization });
  expect([status, body["error"]]).toEqual([400, "invalid_request"]);
});

test("a token request must be a form that is posted", async () => {
  await using server = await start();
  const fields = { ...request, client_id: "agent", client_secret: secret };
  const json = {
    method: "POST",
    body: JSON.stringify(fields),
    headers: { "content-type": "application/json" },
  };
  const refused = await fetch(`${server.issuer}/token`, json);
  expect([refused.status, await refused.json()]).toEqual([
    400,
    { error: "invalid_request", error_description: expect.stringContaining("form-urlencoded") },
  ]);
  const got = await fetch(`${server.issuer}/token?${new URLSearchParams(fields)}`);
  expect([got.status, got.headers.get("allow")]).toEqual([405, "POST"]);
  const posted = await post(server, "/token", fields, {
    "content-type": "application/x-www-form-urlencoded; charset=utf-8",
  });
  expect(posted.status).toBe(200);
});

test("a repeated parameter is refused", async () => {
  await using server = await start();
  const twice = [
    ["grant_type", "client_credentials"],
    ["grant_type", "client_credentials"],
  ] as const;
  const { body } = await post(server, "/token", twice, { authorization: basic("agent") });
  expect(body).toMatchObject({ error: "invalid_request" });
});

test("an assertion of a client works once, with the client's key, for this server", async () => {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  const other = await generateKeyPair("ES256");
  const jwks = { keys: [{ ...(await exportJWK(publicKey)), kid: "one" }] };
  await using server = await testAuthorizationServer({ clients: { agent: { jwks } } });
  const assertion = (claims: object, key = privateKey, header = {}) =>
    new SignJWT({
      ...{ iss: "agent", sub: "agent", aud: server.issuer, jti: crypto.randomUUID() },
      ...{ exp: Date.now() / 1_000 + 60, ...claims },
    })
      .setProtectedHeader({ alg: "ES256", kid: "one", ...header })
      .sign(key);
  const send = async (client_assertion: string) =>
    (
      await post(server, "/token", {
        ...{ ...request, client_assertion },
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      })
    ).status;
  const good = await assertion({});
  expect(await send(good)).toBe(200);
  expect(await send(good)).toBe(401);
  expect(await send(await assertion({}, other.privateKey))).toBe(401);
  expect(await send(await assertion({ exp: Date.now() / 1_000 - 60 }, privateKey))).toBe(401);
  expect(await send(await assertion({}, privateKey, { kid: "two" }))).toBe(401);
  expect(await send(await assertion({ aud: "https://elsewhere.example" }))).toBe(401);
  expect(await send(await assertion({ sub: "another" }))).toBe(401);
  expect(await send(await assertion({ nbf: Date.now() / 1_000 + 600 }))).toBe(401);
  expect(server.requests[0]).toMatchObject({
    ...{ clientId: "agent", method: "private_key_jwt" },
    parameters: { client_assertion: "<secret>" },
  });
});

test("a DPoP proof with an alg that the metadata does not name is refused", async () => {
  await using server = await start();
  const proof = async (alg: string) => {
    const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
    return await new SignJWT({ htm: "POST", htu: `${server.issuer}/token`, jti: crypto.randomUUID() })
      .setProtectedHeader({ alg, typ: "dpop+jwt", jwk: await exportJWK(publicKey) })
      .setIssuedAt()
      .sign(privateKey);
  };
  const send = async (alg: string) =>
    (await post(server, "/token", request, { authorization: basic("agent"), dpop: await proof(alg) })).body;
  expect(await send("PS256")).toMatchObject({ token_type: "DPoP" });
  expect(await send("RS256")).toMatchObject({ error: "invalid_dpop_proof" });
});

test("a key signs only with the alg of its curve", async () => {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const keys = [{ key: publicKey, kid: undefined }];
  const signed = (alg: string, hash: string) => {
    const input = [{ alg }, {}]
      .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
      .join(".");
    const signature = sign(hash, Buffer.from(input), { key: privateKey, dsaEncoding: "ieee-p1363" });
    return `${input}.${signature.toString("base64url")}`;
  };
  expect(verifyJwt(signed("ES384", "sha384"), keys)).toBeDefined();
  expect(verifyJwt(signed("ES256", "sha256"), keys)).toBeUndefined();
});

test("rotateKeys() signs with a new key, and the JWKS keeps the previous one", async () => {
  await using server = await start();
  const before = server.issueToken({ clientId: "agent" });
  server.rotateKeys();
  const after = server.issueToken({ clientId: "agent" });
  // `createLocalJWKSet` checks the shape.
  const jwks = (await getJson(`${server.issuer}/jwks`)) as unknown as JSONWebKeySet;
  expect(jwks.keys).toHaveLength(2);
  expect(Object.keys(jwks.keys[0] ?? {})).not.toContain("d");
  const keys = createLocalJWKSet(jwks);
  const kids = await Promise.all(
    [before, after].map(async (token) => (await jwtVerify(token, keys)).protectedHeader.kid),
  );
  expect(new Set(kids).size).toBe(2);
  expect(kids[1]).toBe(jwks.keys[0]?.kid);
});

test("a revoked token is not active, in introspection and for isActive()", async () => {
  await using server = await start();
  const authorization = basic("agent");
  const token = server.issueToken({ clientId: "agent", scopes: ["read"] });
  const introspect = async () => (await post(server, "/introspect", { token }, { authorization })).body;
  expect(await introspect()).toMatchObject({ active: true, client_id: "agent", scope: "read" });
  expect(server.isActive(token)).toBe(true);
  server.revoke(token);
  expect(await introspect()).toEqual({ active: false });
  expect(server.isActive(token)).toBe(false);
  expect(server.isActive("of somebody else")).toBe(false);
  expect((await post(server, "/introspect", { token })).status).toBe(401);
});

test("a client can revoke its own tokens and no others", async () => {
  await using server = await start();
  const own = server.issueToken({ clientId: "agent" });
  const foreign = server.issueToken({ clientId: "public" });
  for (const token of [own, foreign]) {
    expect((await post(server, "/revoke", { token }, { authorization: basic("agent") })).status).toBe(200);
  }
  expect([own, foreign].map(server.isActive)).toEqual([false, true]);
});

test("a refresh token works once, and the response has the next one", async () => {
  await using server = await start();
  const authorization = basic("agent");
  const first = server.issueRefreshToken({ clientId: "agent", subject: "ann", scopes: ["read"] });
  const refresh = (refresh_token: string, more = {}) =>
    post(server, "/token", { grant_type: "refresh_token", refresh_token, ...more }, { authorization });
  const { body } = await refresh(first);
  expect(decodeJwt(String(body["access_token"]))).toMatchObject({ sub: "ann", scope: "read" });
  expect((await refresh(first)).body).toMatchObject({ error: "invalid_grant" });
  const next = String(body["refresh_token"]);
  expect((await refresh(next, { scope: "write" })).body).toMatchObject({ error: "invalid_scope" });
  expect((await refresh(next)).status).toBe(200);
});

test("a token of the server can be exchanged, with an actor, and one of nobody cannot", async () => {
  await using server = await start();
  const exchange = (subject_token: string) =>
    post(
      server,
      "/token",
      {
        grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
        ...{ subject_token, subject_token_type: "urn:ietf:params:oauth:token-type:access_token" },
        actor_token: server.issueToken({ clientId: "agent" }),
        actor_token_type: "urn:ietf:params:oauth:token-type:access_token",
      },
      { authorization: basic("agent") },
    );
  const { body } = await exchange(server.issueToken({ clientId: "app", subject: "ann" }));
  expect(body["issued_token_type"]).toBe("urn:ietf:params:oauth:token-type:access_token");
  expect(decodeJwt(String(body["access_token"]))).toMatchObject({ sub: "ann", act: { sub: "agent" } });
  expect((await exchange("of nobody")).body).toMatchObject({ error: "invalid_request" });
  expect(server.requests[0]?.parameters).toMatchObject({ subject_token: "<secret>" });
});

test("an assertion of a known issuer gets a token without a client, and one of another issuer does not", async () => {
  const { privateKey, publicKey } = await generateKeyPair("RS256", { extractable: true });
  const issuer = "https://idp.example";
  await using server = await start({
    issuers: { [issuer]: { jwks: { keys: [await exportJWK(publicKey)] } } },
  });
  const send = async (iss: string) => {
    const assertion = await new SignJWT({ iss, sub: "workload", aud: server.issuer })
      .setProtectedHeader({ alg: "RS256" })
      .setExpirationTime("1m")
      .sign(privateKey);
    const fields = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion };
    return await post(server, "/token", fields);
  };
  const { body } = await send(issuer);
  expect(decodeJwt(String(body["access_token"])).sub).toBe("workload");
  expect((await send("https://another.example")).body).toMatchObject({ error: "invalid_grant" });
});

test("the runtime gets tokens from the test server, with a secret, a key and DPoP", async () => {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
  await using server = await testAuthorizationServer({
    clients: { agent: { secret }, signing: { jwks: { keys: [await exportJWK(publicKey)] } } },
  });
  const url = "http://127.0.0.1:1/mcp";
  const { issuer } = server;
  const key = { privateKey: { env: "KEY" } };
  const withSecret = { client: { issuer, id: "agent", secret: { env: "SECRET" } } };
  await using auth = await createMcpAuth({
    config: {
      servers: {
        plain: { url, grant: withSecret, resourceMetadata: false },
        signed: { url, grant: { client: { issuer, id: "signing", key } }, resourceMetadata: false },
        bound: { url, grant: withSecret, dpop: true, resourceMetadata: false },
      },
    },
    env: { SECRET: secret, KEY: JSON.stringify(await exportJWK(privateKey)) },
  });
  expect(decodeJwt(await auth.resolve("plain").getAccessToken()).aud).toBe(url);
  expect(decodeJwt(await auth.resolve("signed").getAccessToken()).sub).toBe("signing");
  const bound = await auth.resolve("bound").getToken();
  expect(bound.tokenType).toBe("DPoP");
  expect(decodeJwt(bound.accessToken)).toMatchObject({ cnf: { jkt: expect.any(String) } });
  expect(server.requests.map(({ method, dpop }) => [method, dpop])).toEqual([
    ["client_secret_basic", false],
    ["private_key_jwt", false],
    ["client_secret_basic", true],
  ]);
});

test("fail() answers token requests with a status, as often as it says, until recover()", async () => {
  await using server = await start();
  const send = async () => await post(server, "/token", request, { authorization: basic("agent") });
  server.fail(503, { times: 1, retryAfter: 7 });
  const failed = await send();
  expect([failed.status, failed.headers.get("retry-after"), failed.body]).toEqual([503, "7", {}]);
  expect((await send()).status).toBe(200);
  server.fail(400, { error: "unauthorized_client" });
  expect((await send()).body).toEqual({ error: "unauthorized_client" });
  expect((await send()).status).toBe(400);
  server.recover();
  expect((await send()).status).toBe(200);
  expect(server.requests.map(({ status }) => status)).toEqual([503, 200, 400, 400, 200]);
  expect(() => server.fail(200)).toThrow(RangeError);
});

test("a wrong lifetime or key is config_invalid, and names no key", async () => {
  expect(await rejectionOf(start({ lifetime: "long" }))).toMatchObject({ code: "config_invalid" });
  const jwks = { keys: [{ kty: "EC", x: "canary" }] };
  const error = await rejectionOf(testAuthorizationServer({ clients: { agent: { jwks } } }));
  expect(error).toMatchObject({ code: "config_invalid", message: expect.stringContaining('"agent"') });
  expect(inspect(error)).not.toContain("canary");
});

test("close() can be called twice, and ends open connections", async () => {
  const server = await start();
  await post(server, "/token", request, { authorization: basic("agent") });
  await Promise.all([server.close(), server.close()]);
  await expect(fetch(server.issuer)).rejects.toThrow(TypeError);
});
