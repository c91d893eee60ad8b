// Tests of mutual TLS (RFC 8705) in the test servers, which other integration tests rely on: they refuse invalid
// requests.
import { decodeJwt, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from "../support/authorization-server.js";
import {
  type Authority,
  createAuthority,
  type IssuedCertificate,
  selfSigned,
} from "../support/certificates.js";
import { type RunningMcpServer, startMcpServer } from "../support/mcp-server.js";
import { certificateThumbprint, subjectOf, trustingFetch } from "../support/mutual-tls.js";
import { createTokenIssuer } from "../support/token-issuer.js";

const resource = "https://mcp.example/";
const secret = "s3cr3t-that-is-as-long-as-the-hash-is";

let authority: Authority;
let identity: IssuedCertificate;
let selfSignedClient: IssuedCertificate;
beforeAll(async () => {
  authority = await createAuthority();
  identity = await authority.issue({ subject: "CN=agent, O=Acme, C=DE", client: true });
  selfSignedClient = await selfSigned({ subject: "CN=self" });
});

function fetchWith(presented?: IssuedCertificate): typeof globalThis.fetch {
  const trusting = trustingFetch(authority, presented);
  onTestFinished(() => trusting.close());
  return trusting.fetch;
}

async function ask(
  fetch: typeof globalThis.fetch,
  url: string | undefined,
  params: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
) {
  const response = await fetch(url ?? "", {
    method: "POST",
    headers,
    body: new URLSearchParams({ grant_type: "client_credentials", resource, ...params }),
  });
  // The token endpoint always returns an object.
  const body = (await response.json()) as Readonly<Record<string, unknown>>;
  return { status: response.status, body };
}

describe("the test authorization server with a separate endpoint for certificates", () => {
  let server: RunningAuthorizationServer;
  beforeAll(async () => {
    server = await startAuthorizationServer({
      clients: [
        { id: "pki", subjectDn: subjectOf(identity.certificate) },
        { id: "pinned", certificates: [selfSignedClient.certificate] },
        { id: "unbound", subjectDn: subjectOf(identity.certificate), certificateBound: false },
        { id: "secretive", secret, certificateBound: true },
      ],
      tls: { authority },
    });
  });
  afterAll(() => server.close());

  test("the test authorization server serves https and has the alias endpoint in its metadata", async () => {
    expect(server.issuer).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/);
    const url = `${server.issuer}/.well-known/oauth-authorization-server`;
    const metadata = await (await fetchWith()(url)).json();
    expect(server.mtlsTokenEndpoint).not.toBe(server.tokenEndpoint);
    expect(metadata).toMatchObject({
      issuer: server.issuer,
      token_endpoint: server.tokenEndpoint,
      mtls_endpoint_aliases: { token_endpoint: server.mtlsTokenEndpoint },
      tls_client_certificate_bound_access_tokens: true,
      token_endpoint_auth_methods_supported: expect.arrayContaining([
        "tls_client_auth",
        "self_signed_tls_client_auth",
      ]),
    });
    const stranger = trustingFetch(await createAuthority());
    onTestFinished(() => stranger.close());
    await expect(stranger.fetch(url)).rejects.toThrow("fetch failed");
  });

  test.each([
    ["tls_client_auth", "pki", () => identity],
    ["self_signed_tls_client_auth", "pinned", () => selfSignedClient],
  ])(
    "the test authorization server accepts %s and binds the token to the certificate",
    async (_, id, presented) => {
      const { status, body } = await ask(fetchWith(presented()), server.mtlsTokenEndpoint, { client_id: id });
      expect([status, body["token_type"]]).toEqual([200, "Bearer"]);
      const thumbprint = certificateThumbprint(presented().certificate);
      expect(decodeJwt(String(body["access_token"]))).toMatchObject({
        iss: server.issuer,
        cnf: { "x5t#S256": thumbprint },
      });
      expect(server.issued.at(-1)).toMatchObject({ clientId: id, certificateThumbprint: thumbprint });
      expect(server.tokenRequests.at(-1)).toMatchObject({
        url: server.mtlsTokenEndpoint,
        clientId: id,
        certificateThumbprint: thumbprint,
        params: { grant_type: "client_credentials", resource, client_id: id },
      });
      expect(server.failures).toEqual([]);
    },
  );

  test("the test authorization server does not bind tokens of a client that is registered without binding", async () => {
    const { body } = await ask(fetchWith(identity), server.mtlsTokenEndpoint, { client_id: "unbound" });
    expect(decodeJwt(String(body["access_token"]))).not.toHaveProperty("cnf");
  });

  test("the test authorization server binds the token of a client with a secret to its certificate", async () => {
    const params = { client_id: "secretive" };
    const basic = { authorization: `Basic ${btoa(`secretive:${secret}`)}` };
    const { body } = await ask(fetchWith(selfSignedClient), server.mtlsTokenEndpoint, params, basic);
    expect(decodeJwt(String(body["access_token"]))).toMatchObject({
      cnf: { "x5t#S256": certificateThumbprint(selfSignedClient.certificate) },
    });
    const without = await ask(fetchWith(), server.mtlsTokenEndpoint, params, basic);
    expect([without.status, without.body["error"]]).toEqual([400, "invalid_grant"]);
  });

  test("the test authorization server binds tokens of other grants to the certificate, too", async () => {
    const platform = await createTokenIssuer("https://platform.example");
    await using other = await startAuthorizationServer({
      clients: [{ id: "pki", subjectDn: subjectOf(identity.certificate) }],
      tls: { authority },
      jwtBearer: { issuers: [platform] },
    });
    const params = {
      client_id: "pki",
      grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer",
      assertion: await platform.sign({ sub: "ann", aud: other.issuer }),
    };
    expect((await ask(fetchWith(identity), other.mtlsTokenEndpoint, params)).status).toBe(200);
    const thumbprint = certificateThumbprint(identity.certificate);
    expect(other.issued.at(-1)).toMatchObject({ subject: "ann", certificateThumbprint: thumbprint });
  });

  test("the test authorization server does not ask for a certificate at the normal endpoint", async () => {
    const { status, body } = await ask(fetchWith(identity), server.tokenEndpoint, { client_id: "pki" });
    expect([status, body["error"]]).toEqual([401, "invalid_client"]);
    expect(server.tokenRequests.at(-1)).toMatchObject({
      url: server.tokenEndpoint,
      certificateThumbprint: undefined,
    });
  });

  test("the test authorization server refuses wrong, expired and missing certificates", async () => {
    const sameName = await selfSigned({ subject: "CN=agent, O=Acme, C=DE" });
    const otherName = await authority.issue({ subject: "CN=other, O=Acme, C=DE", client: true });
    const expired = await authority.issue({
      subject: "CN=agent, O=Acme, C=DE",
      client: true,
      notAfter: new Date(Date.now() - 60_000),
    });
    const rows: readonly (readonly [string, IssuedCertificate | undefined])[] = [
      ["pki", sameName],
      ["pki", otherName],
      ["pki", expired],
      ["pki", undefined],
      ["pinned", identity],
      ["pinned", undefined],
    ];
    for (const [id, presented] of rows) {
      const { status, body } = await ask(fetchWith(presented), server.mtlsTokenEndpoint, { client_id: id });
      expect([id, status, body["error"]]).toEqual([id, 401, "invalid_client"]);
    }
  });
});

test("the test authorization server can ask for certificates at the normal endpoint", async () => {
  await using server = await startAuthorizationServer({
    clients: [{ id: "pki", subjectDn: subjectOf(identity.certificate) }],
    tls: { authority, clientCertificates: "everywhere" },
  });
  expect(server.mtlsTokenEndpoint).toBe(server.tokenEndpoint);
  const metadata = await (await fetchWith()(`${server.issuer}/.well-known/openid-configuration`)).json();
  expect(metadata).not.toHaveProperty("mtls_endpoint_aliases");
  expect((await ask(fetchWith(identity), server.tokenEndpoint, { client_id: "pki" })).status).toBe(200);
});

describe("client assertions at the test authorization server", () => {
  const type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

  async function assertion(key: Parameters<SignJWT["sign"]>[0], alg: string, issuer: string, id: string) {
    const jwt = new SignJWT({ jti: crypto.randomUUID() }).setProtectedHeader({ alg });
    return jwt
      .setIssuer(id)
      .setSubject(id)
      .setAudience(issuer)
      .setIssuedAt()
      .setExpirationTime("1m")
      .sign(key);
  }

  test("a client_secret_jwt assertion is accepted only with the right secret", async () => {
    await using server = await startAuthorizationServer({
      clients: [{ id: "hmac", secret, method: "client_secret_jwt" }],
    });
    const metadata = await (await fetch(`${server.issuer}/.well-known/openid-configuration`)).json();
    expect(metadata).toMatchObject({
      token_endpoint_auth_methods_supported: expect.arrayContaining(["client_secret_jwt"]),
      token_endpoint_auth_signing_alg_values_supported: expect.arrayContaining(["HS256", "ES256"]),
    });
    for (const [used, status] of [
      [secret, 200],
      [secret.toUpperCase(), 401],
    ] as const) {
      const signed = await assertion(new TextEncoder().encode(used), "HS256", server.issuer, "hmac");
      const params = { client_assertion_type: type, client_assertion: signed };
      expect((await ask(fetch, server.tokenEndpoint, params)).status).toBe(status);
    }
  });

  test.each([
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
  ])("a private_key_jwt assertion with %s is accepted once", async (alg) => {
    const { privateKey, publicKey } = await generateKeyPair(alg);
    await using server = await startAuthorizationServer({
      clients: [{ id: "signer", publicKey: await exportJWK(publicKey), alg }],
    });
    const signed = await assertion(privateKey, alg, server.issuer, "signer");
    const params = { client_assertion_type: type, client_assertion: signed };
    expect((await ask(fetch, server.tokenEndpoint, params)).status).toBe(200);
    expect((await ask(fetch, server.tokenEndpoint, params)).status).toBe(401);
  });

  test("the test authorization server can limit its algorithms and override its metadata", async () => {
    const { publicKey } = await generateKeyPair("ES256");
    await using server = await startAuthorizationServer({
      clients: [{ id: "signer", publicKey: await exportJWK(publicKey) }],
      signingAlgorithms: ["PS256", "ES256"],
      metadata: {
        token_endpoint_auth_methods_supported: ["client_secret_basic"],
        grant_types_supported: undefined,
      },
    });
    const metadata = await (await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)).json();
    expect(metadata).toMatchObject({
      token_endpoint: server.tokenEndpoint,
      token_endpoint_auth_signing_alg_values_supported: ["PS256", "ES256"],
      token_endpoint_auth_methods_supported: ["client_secret_basic"],
    });
    expect(metadata).not.toHaveProperty("grant_types_supported");
  });
});

test("the test authorization server uses the default resource if a request names none", async () => {
  await using server = await startAuthorizationServer({
    clients: [{ id: "agent", secret }],
    defaultResource: resource,
  });
  const response = await fetch(server.tokenEndpoint, {
    method: "POST",
    headers: { authorization: `Basic ${btoa(`agent:${secret}`)}` },
    body: new URLSearchParams({ grant_type: "client_credentials" }),
  });
  expect(response.status).toBe(200);
  expect(server.issued.at(-1)).toMatchObject({ resource });
});

describe("the test MCP server with mutual TLS", () => {
  let issuer: RunningAuthorizationServer;
  let server: RunningMcpServer;
  beforeAll(async () => {
    issuer = await startAuthorizationServer({
      clients: [
        { id: "pki", subjectDn: subjectOf(identity.certificate) },
        { id: "agent", secret },
      ],
      tls: { authority },
    });
    server = await startMcpServer({ issuer: issuer.issuer, tls: { authority } });
  });
  afterAll(() => Promise.all([server.close(), issuer.close()]));

  /** Sends a GET, which gets 401 or 403 for a bad token and 405 otherwise. */
  async function probe(accessToken: unknown, presented?: IssuedCertificate, at = server): Promise<number> {
    const response = await fetchWith(presented)(at.url, {
      headers: { authorization: `Bearer ${accessToken}` },
    });
    await response.body?.cancel();
    return response.status;
  }

  const bound = async (at = server) => {
    const params = { client_id: "pki", resource: at.url };
    return (await ask(fetchWith(identity), issuer.mtlsTokenEndpoint, params)).body["access_token"];
  };
  const unbound = async (at = server) => {
    const basic = { authorization: `Basic ${btoa(`agent:${secret}`)}` };
    return (await ask(fetchWith(), issuer.tokenEndpoint, { resource: at.url }, basic)).body["access_token"];
  };

  test("the test MCP server accepts a bound token only with its certificate", async () => {
    const accessToken = await bound();
    expect(await probe(accessToken, identity)).toBe(405);
    expect(server.requests.at(-1)?.certificateThumbprint).toBe(certificateThumbprint(identity.certificate));
    const renewed = await authority.issue({ subject: "CN=agent, O=Acme, C=DE", client: true });
    expect(await probe(accessToken, renewed)).toBe(401);
    expect(await probe(accessToken, selfSignedClient)).toBe(401);
    expect(await probe(accessToken)).toBe(401);
  });

  test("the test MCP server accepts an unbound token unless it requires bound ones", async () => {
    expect(await probe(await unbound(), selfSignedClient)).toBe(405);
    expect(await probe(await unbound())).toBe(405);
    await using strict = await startMcpServer({ issuer: issuer.issuer, tls: { authority, required: true } });
    expect(await probe(await unbound(strict), identity, strict)).toBe(401);
    expect(await probe(await bound(strict), identity, strict)).toBe(405);
  });

  test("the test MCP server publishes its metadata over https", async () => {
    const url = `${server.origin}/.well-known/oauth-protected-resource/mcp`;
    expect(await (await fetchWith()(url)).json()).toMatchObject({
      resource: server.url,
      tls_client_certificate_bound_access_tokens: true,
    });
  });
});
