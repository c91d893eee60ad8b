// Tests of the grants that the test authorization server adds to oidc-provider: they refuse invalid requests.
import { decodeJwt, decodeProtectedHeader, exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type RunningAuthorizationServer,
  startAuthorizationServer,
} from "../support/authorization-server.js";
import { createTokenIssuer, type TokenIssuer } from "../support/token-issuer.js";

const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange";
const type = (name: string) => `urn:ietf:params:oauth:token-type:${name}`;
const resource = "https://mcp.example/tools";
const secret = "s3cr3t";
const basic = { authorization: `Basic ${btoa(`agent:${secret}`)}` };

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function ask(
  server: RunningAuthorizationServer,
  params: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = basic,
): Promise<Answer> {
  const response = await fetch(server.tokenEndpoint, {
    method: "POST",
    headers,
    body: new URLSearchParams(params),
  });
  // The token endpoint always returns an object.
  return { status: response.status, body: (await response.json()) as Answer["body"] };
}

const codeOf = ({ status, body }: Answer) => [status, body["error"]];

describe("the JWT bearer grant of the test server", () => {
  let platform: TokenIssuer;
  let server: RunningAuthorizationServer;
  beforeAll(async () => {
    platform = await createTokenIssuer("https://platform.example");
    server = await startAuthorizationServer({
      clients: [{ id: "agent", secret }],
      scopes: ["read", "write"],
      jwtBearer: { issuers: [platform], withoutClient: true },
    });
  });
  afterAll(() => server.close());

  const assertion = (claims = {}, from = platform) =>
    from.sign({ sub: "workload-7", aud: server.issuer, ...claims });

  test("the JWT bearer grant issues a token for the assertion's subject, with or without a client", async () => {
    const params = { grant_type: jwtBearer, resource, scope: "read" };
    const named = await ask(server, { ...params, assertion: await assertion() });
    expect(named).toMatchObject({
      status: 200,
      body: { token_type: "Bearer", scope: "read", expires_in: 3600 },
    });
    expect(decodeJwt(String(named.body["access_token"]))).toMatchObject({
      iss: server.issuer,
      sub: "workload-7",
      aud: resource,
      client_id: "agent",
      scope: "read",
    });
    const sent = { ...params, assertion: await assertion({ aud: server.tokenEndpoint }) };
    expect((await ask(server, sent, {})).status).toBe(200);
    expect(server.tokenRequests.at(-1)).toMatchObject({ params: sent, clientId: undefined, status: 200 });
    expect(server.tokenRequests.at(-1)?.params).not.toHaveProperty("client_id");
    expect(server.issued.at(-1)).toMatchObject({ subject: "workload-7", resource });
    expect(server.failures).toEqual([]);
  });

  test.each([
    ["from an untrusted issuer", async () => (await createTokenIssuer("https://other.example")).sign],
    [
      "signed with another key for the same issuer",
      async () => (await createTokenIssuer(platform.issuer)).sign,
    ],
  ])("the JWT bearer grant refuses an assertion %s", async (_, signer) => {
    const sign = await signer();
    const forged = await sign({ sub: "workload-7", aud: server.issuer });
    expect(codeOf(await ask(server, { grant_type: jwtBearer, resource, assertion: forged }))).toEqual([
      400,
      "invalid_grant",
    ]);
  });

  test.each([
    ["for another audience", { aud: "https://auth.elsewhere.example" }],
    ["that has expired", { exp: 1_700_000_000 }],
    ["without an expiry", { exp: undefined }],
    ["without a subject", { sub: undefined }],
  ])("the JWT bearer grant refuses an assertion %s", async (_, claims) => {
    const params = { grant_type: jwtBearer, resource, assertion: await assertion(claims) };
    expect(codeOf(await ask(server, params))).toEqual([400, "invalid_grant"]);
  });

  test("the JWT bearer grant refuses a reused assertion and a request without one", async () => {
    const params = { grant_type: jwtBearer, resource, assertion: await assertion() };
    expect((await ask(server, params)).status).toBe(200);
    expect(codeOf(await ask(server, params))).toEqual([400, "invalid_grant"]);
    expect(codeOf(await ask(server, { grant_type: jwtBearer, resource }))).toEqual([400, "invalid_request"]);
  });

  test("the JWT bearer grant refuses wrong client authentication, and anonymous requests if it requires a client", async () => {
    const params = { grant_type: jwtBearer, resource, assertion: await assertion() };
    const wrong = { authorization: `Basic ${btoa("agent:wrong")}` };
    expect(codeOf(await ask(server, params, wrong))).toEqual([401, "invalid_client"]);
    expect(codeOf(await ask(server, { grant_type: "client_credentials", resource }, {}))).toEqual([
      400,
      "invalid_request",
    ]);
    await using strict = await startAuthorizationServer({
      clients: [{ id: "agent", secret }],
      jwtBearer: { issuers: [platform] },
    });
    expect(codeOf(await ask(strict, params, {}))).toEqual([400, "invalid_request"]);
  });

  test("the JWT bearer grant can be configured to accept an assertion more than once", async () => {
    await using lenient = await startAuthorizationServer({
      clients: [{ id: "agent", secret }],
      jwtBearer: { issuers: [platform], singleUse: false },
    });
    const again = await platform.sign({ sub: "workload-7", aud: lenient.issuer });
    const params = { grant_type: jwtBearer, resource, assertion: again };
    expect([(await ask(lenient, params)).status, (await ask(lenient, params)).status]).toEqual([200, 200]);
  });
});

describe("the token exchange grant of the test server", () => {
  let people: TokenIssuer;
  let server: RunningAuthorizationServer;
  beforeAll(async () => {
    people = await createTokenIssuer("https://people.example");
    server = await startAuthorizationServer({
      clients: [{ id: "agent", secret }],
      scopes: ["read"],
      tokenExchange: { issuers: [people] },
    });
  });
  afterAll(() => server.close());

  const base = { grant_type: tokenExchange, scope: "read" };

  test("the token exchange grant issues a token for the subject that names the actor", async () => {
    const answer = await ask(server, {
      ...base,
      resource,
      subject_token: await people.sign({ sub: "ann", aud: "agent" }),
      subject_token_type: type("id_token"),
      actor_token: await people.sign({ sub: "robot", aud: server.issuer }),
      actor_token_type: type("jwt"),
      requested_token_type: type("access_token"),
    });
    expect(answer).toMatchObject({
      status: 200,
      body: { issued_token_type: type("access_token"), token_type: "Bearer", scope: "read" },
    });
    expect(decodeJwt(String(answer.body["access_token"]))).toMatchObject({
      sub: "ann",
      act: { sub: "robot" },
      aud: resource,
      client_id: "agent",
    });
    expect(server.issued.at(-1)).toMatchObject({ subject: "ann", clientId: "agent", resource });
  });

  test("the token exchange grant accepts the server's own access tokens, JWT and opaque", async () => {
    await using opaque = await startAuthorizationServer({
      clients: [{ id: "agent", secret }],
      tokenExchange: { issuers: [] },
      tokens: "opaque",
    });
    for (const each of [server, opaque]) {
      const ownToken = await ask(each, {
        grant_type: "client_credentials",
        resource: "https://gateway.example/",
      });
      const exchanged = await ask(each, {
        grant_type: tokenExchange,
        audience: resource,
        subject_token: String(ownToken.body["access_token"]),
        subject_token_type: type("access_token"),
      });
      expect(exchanged.status).toBe(200);
      expect(each.issued.at(-1)).toMatchObject({ subject: "agent", resource });
      expect(each.failures).toEqual([]);
    }
  });

  test.each([
    [
      "an ID token for another client",
      { sub: "ann", aud: "someone-else" },
      type("id_token"),
      "invalid_grant",
    ],
    ["an expired token", { sub: "ann", aud: "agent", exp: 1_700_000_000 }, type("id_token"), "invalid_grant"],
    ["an ID token as access token", { sub: "ann" }, type("access_token"), "invalid_grant"],
    ["an unknown token type", { sub: "ann" }, type("saml2"), "invalid_request"],
    ["a token without a type", { sub: "ann" }, "", "invalid_request"],
  ])("the token exchange grant refuses %s", async (_, claims, subjectType, error) => {
    const subject = await people.sign(claims);
    const answer = await ask(server, {
      ...base,
      resource,
      subject_token: subject,
      subject_token_type: subjectType,
    });
    expect(codeOf(answer)).toEqual([400, error]);
  });

  test("the token exchange grant refuses other requested types, an unknown audience, and a missing subject", async () => {
    const subject = {
      subject_token: await people.sign({ sub: "ann", aud: "agent" }),
      subject_token_type: type("id_token"),
    };
    const other = { ...base, ...subject, resource, requested_token_type: type("refresh_token") };
    expect(codeOf(await ask(server, other))).toEqual([400, "invalid_request"]);
    const idJag = { ...other, requested_token_type: type("id-jag"), audience: "https://elsewhere.example" };
    expect(codeOf(await ask(server, idJag))).toEqual([400, "invalid_target"]);
    expect(codeOf(await ask(server, { ...base, resource }))).toEqual([400, "invalid_request"]);
  });
});

describe("enterprise-managed authorization with the test servers", () => {
  let people: TokenIssuer;
  let idp: RunningAuthorizationServer;
  let server: RunningAuthorizationServer;
  const clients: Record<string, Record<string, string>> = {};
  beforeAll(async () => {
    people = await createTokenIssuer("https://people.example");
    idp = await startAuthorizationServer({
      clients: [{ id: "agent", secret }],
      tokenExchange: { issuers: [people], idJag: { clients } },
    });
    server = await startAuthorizationServer({
      clients: [
        { id: "agent", secret },
        { id: "agent-here", secret },
      ],
      scopes: ["read", "write"],
      jwtBearer: { issuers: [idp], idJag: true },
    });
    clients[server.issuer] = { agent: "agent-here" };
  });
  afterAll(() => Promise.all([idp.close(), server.close()]));

  async function idJag(more: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return ask(idp, {
      grant_type: tokenExchange,
      requested_token_type: type("id-jag"),
      subject_token: await people.sign({ sub: "ann", aud: "agent" }),
      subject_token_type: type("id_token"),
      audience: server.issuer,
      resource,
      scope: "read",
      ...more,
    });
  }
  const redeem = (assertion: unknown, client = "agent-here", more = {}) =>
    ask(
      server,
      { grant_type: jwtBearer, assertion: String(assertion), ...more },
      { authorization: `Basic ${btoa(`${client}:${secret}`)}` },
    );

  test("the identity provider issues an ID-JAG for one client, resource and scope, which gets a token", async () => {
    const { body } = await idJag();
    expect(body).toMatchObject({
      issued_token_type: type("id-jag"),
      token_type: "N_A",
      expires_in: 300,
      scope: "read",
    });
    const jwt = String(body["access_token"]);
    expect(decodeProtectedHeader(jwt)).toMatchObject({ typ: "oauth-id-jag+jwt", alg: "ES256" });
    expect(decodeJwt(jwt)).toMatchObject({
      iss: idp.issuer,
      sub: "ann",
      aud: server.issuer,
      client_id: "agent-here",
      resource,
      scope: "read",
      jti: expect.any(String),
    });
    const answer = await redeem(jwt);
    expect(answer).toMatchObject({ status: 200, body: { token_type: "Bearer", scope: "read" } });
    expect(server.issued.at(-1)).toMatchObject({ subject: "ann", resource, scope: "read" });
    expect(codeOf(await redeem(jwt))).toEqual([400, "invalid_grant"]);
    expect([...idp.failures, ...server.failures]).toEqual([]);
  });

  test("an ID-JAG works only for its client, resource and scope, and no other JWT works", async () => {
    const fresh = async (more = {}) => (await idJag(more)).body["access_token"];
    expect(codeOf(await redeem(await fresh(), "agent"))).toEqual([400, "invalid_grant"]);
    const elsewhere = await redeem(await fresh(), "agent-here", { resource: `${resource}/` });
    expect(codeOf(elsewhere)).toEqual([400, "invalid_target"]);
    const more = await redeem(await fresh(), "agent-here", { scope: "read write" });
    expect(more.body["scope"]).toBe("read");
    const plain = await createTokenIssuer(people.issuer);
    expect(codeOf(await redeem(await plain.sign({ sub: "ann", aud: server.issuer })))).toEqual([
      400,
      "invalid_grant",
    ]);
  });

  test.each([
    ["no audience", { audience: "" }, "invalid_request"],
    ["no resource", { resource: "" }, "invalid_request"],
    ["an unknown audience", { audience: "https://auth.elsewhere.example" }, "invalid_target"],
    ["a subject token that is not an ID token", { subject_token_type: type("jwt") }, "invalid_grant"],
  ])("the identity provider refuses a request for an ID-JAG with %s", async (_, params, error) => {
    expect(codeOf(await idJag(params))).toEqual([400, error]);
  });
});

test("the test authorization server reads a client metadata document and its JWK set for a client whose id is a URL", async () => {
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const id = "https://agent.example/client.json";
  const jwksUri = "https://agent.example/jwks.json";
  await using server = await startAuthorizationServer({
    clients: [],
    documents: {
      [jwksUri]: { keys: [await exportJWK(publicKey)] },
      [id]: {
        client_id: id,
        client_name: "Agent",
        jwks_uri: jwksUri,
        token_endpoint_auth_method: "private_key_jwt",
        grant_types: ["client_credentials"],
        response_types: [],
        redirect_uris: [],
        id_token_signed_response_alg: "ES256",
      },
    },
  });
  const metadata = await (await fetch(`${server.issuer}/.well-known/oauth-authorization-server`)).json();
  expect(metadata).toMatchObject({ client_id_metadata_document_supported: true });
  const send = async (clientId: string) => {
    const assertion = await new SignJWT({ jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: "ES256" })
      .setIssuer(clientId)
      .setSubject(clientId)
      .setAudience(server.issuer)
      .setIssuedAt()
      .setExpirationTime("1m")
      .sign(privateKey);
    return ask(
      server,
      {
        grant_type: "client_credentials",
        resource,
        client_assertion: assertion,
        client_assertion_type: `urn:ietf:params:oauth:client-assertion-type:jwt-bearer`,
      },
      {},
    );
  };
  expect((await send(id)).body["error"]).toBeUndefined();
  expect(server.issued.at(-1)).toMatchObject({ clientId: id });
  expect((await send("https://agent.example/other.json")).body["error"]).toBe("invalid_client");
  expect(server.failures).toEqual([]);
});
