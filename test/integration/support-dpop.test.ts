// Tests of DPoP in the test servers, which other integration tests rely on: they refuse invalid requests.
import { createHash } from "node:crypto";
import { calculateJwkThumbprint, decodeJwt, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from "../support/authorization-server.js";
import { type RunningMcpServer, startMcpServer } from "../support/mcp-server.js";
import { createTokenIssuer } from "../support/token-issuer.js";

const secret = "s3cr3t";
const basic = `Basic ${btoa(`agent:${secret}`)}`;

/** JWT claims. `undefined` removes a claim. */
type Claims = Readonly<Record<string, unknown>>;

type Key = Awaited<ReturnType<typeof newKey>>;

async function newKey(alg = "ES256") {
  const { privateKey, publicKey } = await generateKeyPair(alg);
  const jwk = await exportJWK(publicKey);
  return { alg, jwk, jkt: await calculateJwkThumbprint(jwk), privateKey };
}

/** Signs a proof. `claims` and `header` override the defaults. */
async function proof(
  key: Key,
  claims: Claims,
  { privateKey = key.privateKey, ...header }: { privateKey?: Key["privateKey"]; typ?: string } = {},
): Promise<string> {
  return new SignJWT({ jti: crypto.randomUUID(), iat: Math.floor(Date.now() / 1000), ...claims })
    .setProtectedHeader({ typ: "dpop+jwt", ...header, alg: key.alg, jwk: key.jwk })
    .sign(privateKey);
}

const hashOf = (token: string) => createHash("sha256").update(token).digest("base64url");

async function askToken(
  server: RunningAuthorizationServer,
  resource: string,
  dpop?: string,
  params: Readonly<Record<string, string>> = { grant_type: "client_credentials" },
) {
  const response = await fetch(server.tokenEndpoint, {
    method: "POST",
    headers: { authorization: basic, ...(dpop === undefined ? {} : { dpop }) },
    body: new URLSearchParams({ resource, scope: "read", ...params }),
  });
  // The token endpoint always returns an object.
  const body = (await response.json()) as Readonly<Record<string, unknown>>;
  return { status: response.status, body, nonce: response.headers.get("dpop-nonce") ?? undefined };
}

describe("the test authorization server with DPoP", () => {
  const resource = "https://mcp.example/";
  let server: RunningAuthorizationServer;
  let key: Key;
  beforeAll(async () => {
    key = await newKey();
    server = await startAuthorizationServer({
      clients: [{ id: "agent", secret, dpopBound: true }],
      scopes: ["read"],
      dpop: { nonces: true },
    });
  });
  afterAll(() => server.close());

  const ask = async (claims: Claims = {}, signer = key) =>
    askToken(server, resource, await proof(signer, { htm: "POST", htu: server.tokenEndpoint, ...claims }));

  test("the test authorization server requires a DPoP nonce and binds the token to the proof's key", async () => {
    const first = await ask();
    expect([first.status, first.body["error"]]).toEqual([400, "use_dpop_nonce"]);
    expect(first.nonce).toMatch(/./);
    const second = await ask({ nonce: first.nonce });
    expect(second).toMatchObject({ status: 200, body: { token_type: "DPoP" } });
    expect(decodeJwt(String(second.body["access_token"]))).toMatchObject({ cnf: { jkt: key.jkt } });
    expect(server.issued.at(-1)).toMatchObject({ jkt: key.jkt, clientId: "agent" });
    const [refused, granted] = server.tokenRequests.slice(-2);
    expect([refused?.error, granted?.error]).toEqual(["use_dpop_nonce", undefined]);
    expect(decodeJwt(String(granted?.headers["dpop"]))).toMatchObject({ nonce: first.nonce });
  });

  test("the test authorization server refuses a nonce from before a rotation", async () => {
    const { nonce: old } = await ask();
    expect((await ask({ nonce: old })).status).toBe(200);
    server.rotateNonces();
    const refused = await ask({ nonce: old });
    expect([refused.status, refused.body["error"]]).toEqual([400, "use_dpop_nonce"]);
    expect(refused.nonce).not.toBe(old);
    expect((await ask({ nonce: refused.nonce })).status).toBe(200);
  });

  test("the test authorization server refuses a missing proof, one for another endpoint or method, and a reused one", async () => {
    const { nonce } = await ask();
    const missing = await askToken(server, resource);
    expect([missing.status, missing.body["error"]]).toEqual([400, "invalid_grant"]);
    for (const claims of [{ htu: `${server.issuer}/elsewhere` }, { htm: "GET" }]) {
      const { status, body } = await ask({ nonce, ...claims });
      expect([status, body["error"]]).toEqual([400, "invalid_dpop_proof"]);
    }
    const used = { nonce, jti: "once" };
    expect((await ask(used)).status).toBe(200);
    expect((await ask(used)).status).toBe(400);
    expect(server.failures).toEqual([]);
  });

  test("the test authorization server binds tokens of other grants too, and a missing nonce does not use up an assertion", async () => {
    const platform = await createTokenIssuer("https://platform.example");
    await using other = await startAuthorizationServer({
      clients: [{ id: "agent", secret }],
      scopes: ["read"],
      dpop: { nonces: true },
      jwtBearer: { issuers: [platform] },
      tokenExchange: { issuers: [platform] },
    });
    const jwt = await platform.sign({ sub: "ann", aud: other.issuer });
    const urn = "urn:ietf:params:oauth";
    for (const params of [
      { grant_type: `${urn}:grant-type:jwt-bearer`, assertion: jwt },
      {
        grant_type: `${urn}:grant-type:token-exchange`,
        subject_token: jwt,
        subject_token_type: `${urn}:token-type:jwt`,
      },
    ]) {
      const send = async (nonce?: string) => {
        const claims = { htm: "POST", htu: other.tokenEndpoint, nonce };
        return askToken(other, resource, await proof(key, claims), params);
      };
      const { body, nonce } = await send();
      expect(body["error"]).toBe("use_dpop_nonce");
      const granted = await send(nonce);
      expect(granted).toMatchObject({ status: 200, body: { token_type: "DPoP", scope: "read" } });
      expect(other.issued.at(-1)).toMatchObject({ subject: "ann", jkt: key.jkt, resource });
    }
    expect(other.failures).toEqual([]);
  });

  test("the test authorization server without DPoP answers a proof with a Bearer token", async () => {
    await using ignorant = await startAuthorizationServer({
      clients: [{ id: "agent", secret }],
      dpop: false,
    });
    const metadata = await (await fetch(`${ignorant.issuer}/.well-known/openid-configuration`)).json();
    expect(metadata).not.toHaveProperty("dpop_signing_alg_values_supported");
    const dpop = await proof(key, { htm: "POST", htu: ignorant.tokenEndpoint });
    const answer = await askToken(ignorant, resource, dpop);
    expect(answer).toMatchObject({ status: 200, body: { token_type: "Bearer" } });
  });

  test("the test authorization server accepts only the DPoP algorithms that it lists", async () => {
    await using picky = await startAuthorizationServer({
      clients: [{ id: "agent", secret }],
      dpop: { algorithms: ["PS256"] },
    });
    const metadata = await (await fetch(`${picky.issuer}/.well-known/openid-configuration`)).json();
    expect(metadata).toMatchObject({ dpop_signing_alg_values_supported: ["PS256"] });
    const dpop = async (signer: Key) => proof(signer, { htm: "POST", htu: picky.tokenEndpoint });
    expect((await askToken(picky, resource, await dpop(key))).body["error"]).toBe("invalid_dpop_proof");
    expect((await askToken(picky, resource, await dpop(await newKey("PS256")))).status).toBe(200);
  });
});

describe("the test MCP server with DPoP", () => {
  let issuer: RunningAuthorizationServer;
  let strict: RunningMcpServer;
  let key: Key;
  beforeAll(async () => {
    key = await newKey();
    issuer = await startAuthorizationServer({
      clients: [{ id: "agent", secret }],
      scopes: ["read", "write"],
    });
    const dpop = { required: true };
    strict = await startMcpServer({ issuer: issuer.issuer, scopes: ["read"], dpop });
  });
  afterAll(() => Promise.all([issuer.close(), strict.close()]));

  async function token(at: RunningMcpServer, signer: Key | "unbound" = key): Promise<string> {
    const claims = { htm: "POST", htu: issuer.tokenEndpoint };
    const dpop = signer === "unbound" ? undefined : await proof(signer, claims);
    return String((await askToken(issuer, at.url, dpop)).body["access_token"]);
  }

  /** Sends a GET, which gets 401 or 403 for a bad token and 405 otherwise. */
  async function probe(at: RunningMcpServer, headers: Readonly<Record<string, string>>, url = at.url) {
    const response = await fetch(url, { headers });
    await response.body?.cancel();
    return {
      status: response.status,
      challenge: response.headers.get("www-authenticate") ?? "",
      nonce: response.headers.get("dpop-nonce") ?? undefined,
    };
  }

  async function prove(at: RunningMcpServer, accessToken: string, claims: Claims = {}, signer = key) {
    const dpop = await proof(signer, { htm: "GET", htu: at.url, ath: hashOf(accessToken), ...claims });
    return { authorization: `DPoP ${accessToken}`, dpop };
  }

  test("the test MCP server requires DPoP in its challenge and its metadata", async () => {
    const { status, challenge, nonce } = await probe(strict, {});
    expect([status, nonce]).toEqual([401, undefined]);
    expect(challenge).toMatch(/^DPoP error="invalid_token".*scope="read".*, algs="ES256 EdDSA"$/);
    const metadataUrl = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? "";
    expect(await (await fetch(metadataUrl)).json()).toMatchObject({
      dpop_bound_access_tokens_required: true,
      dpop_signing_alg_values_supported: ["ES256", "EdDSA"],
    });
  });

  test("the test MCP server accepts a bound token with a proof, also for a URL with a query", async () => {
    const accessToken = await token(strict);
    expect((await probe(strict, await prove(strict, accessToken))).status).toBe(405);
    const proven = await prove(strict, accessToken);
    expect((await probe(strict, proven, `${strict.url}?session=1`)).status).toBe(405);
    expect(strict.requests.at(-1)).toMatchObject({ jti: decodeJwt(accessToken).jti, status: 405 });
  });

  test("the test MCP server refuses a bound token as Bearer and an unbound one in either scheme", async () => {
    const bound = await token(strict);
    expect((await probe(strict, { authorization: `Bearer ${bound}` })).status).toBe(401);
    const unbound = await token(strict, "unbound");
    expect(decodeJwt(unbound)).not.toHaveProperty("cnf");
    expect((await probe(strict, { authorization: `Bearer ${unbound}` })).status).toBe(401);
    expect((await probe(strict, await prove(strict, unbound))).status).toBe(401);
  });

  test.each<[string, () => Claims]>([
    ["for another method", () => ({ htm: "POST" })],
    ["for another URL", () => ({ htu: "https://elsewhere.example/mcp" })],
    ["with a query in its htu", () => ({ htu: `${strict.url}?session=1` })],
    ["for another token", () => ({ ath: hashOf("another") })],
    ["without ath", () => ({ ath: undefined })],
    ["without jti", () => ({ jti: undefined })],
    ["from an hour ago", () => ({ iat: Math.floor(Date.now() / 1000) - 3600 })],
  ])("the test MCP server refuses a proof %s", async (_, claims) => {
    const accessToken = await token(strict);
    const proven = await prove(strict, accessToken, claims());
    const { status, challenge } = await probe(strict, proven, `${strict.url}?session=1`);
    expect(status).toBe(401);
    expect(challenge).toMatch(/^DPoP error="invalid_dpop_proof"/);
  });

  test("the test MCP server refuses a missing, double, reused or wrongly signed proof, and one of another key", async () => {
    const accessToken = await token(strict);
    const proven = await prove(strict, accessToken);
    const { authorization, dpop } = proven;
    expect((await probe(strict, proven)).status).toBe(405);
    const other = await newKey();
    const claims = { htm: "GET", htu: strict.url, ath: hashOf(accessToken) };
    const wrong: readonly Readonly<Record<string, string>>[] = [
      { authorization },
      { authorization, dpop: `${await proof(key, claims)}, ${await proof(key, claims)}` },
      { authorization, dpop },
      await prove(strict, accessToken, {}, other),
      { authorization, dpop: await proof(key, claims, { privateKey: other.privateKey }) },
      { authorization, dpop: await proof(key, claims, { typ: "JWT" }) },
    ];
    for (const headers of wrong) {
      const { status, challenge } = await probe(strict, headers);
      expect([status, challenge]).toEqual([401, expect.stringMatching(/^DPoP error="invalid_dpop_proof"/)]);
    }
  });

  test("the test MCP server can require its own nonce and announce a new one while the old one still works", async () => {
    const dpop = { nonces: true };
    await using server = await startMcpServer({ issuer: issuer.issuer, dpop });
    const accessToken = await token(server);
    const ask = async (nonce?: string) =>
      probe(server, await prove(server, accessToken, nonce === undefined ? {} : { nonce }));
    const refused = await ask();
    expect([refused.status, refused.challenge]).toEqual([
      401,
      expect.stringMatching(/^DPoP error="use_dpop_nonce"/),
    ]);
    const { nonce = "" } = refused;
    expect(await ask(nonce)).toMatchObject({ status: 405, nonce });
    server.rotateNonce(true);
    const announced = (await ask(nonce)).nonce;
    expect(announced).not.toBe(nonce);
    expect((await ask(announced)).status).toBe(405);
    server.rotateNonce();
    expect(await ask(announced)).toMatchObject({
      status: 401,
      challenge: expect.stringContaining("use_dpop_nonce"),
    });
  });

  test("the test MCP server refuses a token without the scope in the scheme of the request", async () => {
    await using server = await startMcpServer({
      issuer: issuer.issuer,
      dpop: { required: true },
      pathScopes: { "/mcp/admin": ["admin"] },
      toolScopes: { erase: ["admin"] },
    });
    const accessToken = await token(server);
    const url = `${server.origin}/mcp/admin`;
    const { status, challenge } = await probe(server, await prove(server, accessToken, { htu: url }), url);
    expect([status, challenge]).toEqual([
      403,
      expect.stringMatching(/^DPoP error="insufficient_scope".*scope="admin"/),
    ]);
    const call = await fetch(server.url, {
      method: "POST",
      headers: {
        ...(await prove(server, accessToken, { htm: "POST" })),
        accept: "application/json, text/event-stream",
        "content-type": "application/json",
      },
      body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "erase" } }),
    });
    expect([call.status, call.headers.get("www-authenticate")]).toEqual([
      403,
      expect.stringMatching(/^DPoP error="insufficient_scope".*scope="admin"/),
    ]);
  });

  test("the test MCP server with optional DPoP accepts both kinds of tokens and offers both schemes", async () => {
    await using server = await startMcpServer({ issuer: issuer.issuer, dpop: {} });
    expect((await probe(server, {})).challenge).toMatch(/^Bearer .*, DPoP .*algs="ES256 EdDSA"$/);
    const unbound = await token(server, "unbound");
    expect((await probe(server, { authorization: `Bearer ${unbound}` })).status).toBe(405);
    const bound = await token(server);
    expect((await probe(server, await prove(server, bound))).status).toBe(405);
    expect((await probe(server, { authorization: `Bearer ${bound}` })).challenge).toMatch(/^Bearer /);
  });
});
