import { describe, expect, it } from "vitest";
import type { AssertionSpec, ClientSpec, GrantSpec } from "../../../../src/config/spec.js";
import { type Handler, sendJson } from "../../../support/http-server.js";
import {
  failureOf,
  grantOf,
  now,
  secretClient,
  signal,
  startAuthorizationServer,
  unsignedJwt,
} from "../fixtures.js";

const iat = now / 1_000 - 100;
const audience = "https://crm.run.example";
const idToken = (claims: object = {}) => unsignedJwt({ aud: audience, iat, exp: iat + 900, ...claims });
const env = { CRM_SECRET: "canary-5ecret", T: "canary-token", KEY: "" };

type Grant = Parameters<typeof grantOf>[1];

const answering =
  (answer: object): Handler =>
  (_, response) =>
    sendJson(response, answer);

function credentials(origin: string, more: Partial<Extract<GrantSpec, { type: "client_credentials" }>> = {}) {
  const grant = { type: "client_credentials", client: secretClient(origin), use: "id_token" } as const;
  return grantOf(origin, { ...grant, audience: [audience], ...more }, { env });
}

async function tokenFrom(answer: object) {
  await using server = await startAuthorizationServer(answering(answer));
  return await credentials(server.origin)({ signal: signal() });
}

async function failureFrom(answer: object) {
  await using server = await startAuthorizationServer(answering(answer));
  return await failureOf(credentials(server.origin)({ signal: signal() }), ["canary"]);
}

describe("a grant that uses the ID token", () => {
  const uri = "urn:ietf:params:oauth:token-type:id_token";
  const subject = { token: { env: "T" }, type: uri };
  const grants: readonly (readonly [string, (client: ClientSpec) => Grant])[] = [
    ["client_credentials", (client) => ({ type: "client_credentials", client })],
    [
      "jwt_bearer",
      (client) => ({
        type: "jwt_bearer",
        client,
        assertion: { kind: "platform", reference: { env: "JWT" } },
      }),
    ],
    ["token_exchange", (client) => ({ type: "token_exchange", client, subject })],
    ["extension", (client) => ({ type: "extension", client, grantType: "account_credentials" })],
  ];

  it.each(grants)(
    "with %s, the ID token of a response is the token, without an access token",
    async (_, of) => {
      await using server = await startAuthorizationServer(answering({ id_token: idToken() }));
      const grant = of(secretClient(server.origin));
      const token = await grantOf(
        server.origin,
        { ...grant, audience: [audience], use: "id_token" } as Grant,
        { env: { ...env, JWT: idToken() } },
      )({ signal: signal() });
      expect(token).toMatchObject({
        accessToken: idToken(),
        tokenType: "Bearer",
        expiresIn: 900,
        requestedAt: now,
      });
    },
  );

  it("the ID token is used even if there is an access token, whose type and lifetime do not matter", async () => {
    const others = { access_token: "canary", token_type: "mac", expires_in: 5, issued_token_type: "urn:x" };
    expect(await tokenFrom({ ...others, id_token: idToken(), scope: "a b" })).toMatchObject({
      accessToken: idToken(),
      tokenType: "Bearer",
      expiresIn: 900,
      scopes: ["a", "b"],
    });
  });

  it.each([
    ["a list that has it", [audience, "https://other.example"]],
    ["a list of one", [audience]],
  ])("an ID token is accepted if its audience is %s", async (_, aud) => {
    const token = await tokenFrom({ id_token: idToken({ aud }) });
    expect(token.accessToken).toBe(idToken({ aud }));
  });

  it.each([
    ["another one", "https://canary.example"],
    ["a list of others", ["https://canary.example"]],
    ["only similar", `${audience}/`],
    ["absent", undefined],
    ["a number", 7],
  ])("an ID token is refused if its audience is %s", async (_, aud) => {
    const error = await failureFrom({ id_token: idToken({ aud }) });
    expect(error).toMatchObject({ code: "token_response_invalid", retryable: false });
    expect(error.message).toContain(
      `its "id_token" is not for "${audience}". Set "audience" of the grant, or the claim "target_audience"`,
    );
  });

  it.each([
    ["is missing", undefined, 'it has no "id_token". Request one, usually with the scope openid'],
    ["is empty", "", 'it has no "id_token".'],
    ["is not a string", 7, 'it has no "id_token".'],
    ["is opaque", "canary", 'its "id_token" is not a signed JWT.'],
    ["could change the header", `${idToken()}\r\nX: canary`, 'its "id_token" is not a signed JWT.'],
    ["has no exp", idToken({ exp: undefined }), 'its "id_token" has no lifetime'],
    ["has no iat", idToken({ iat: undefined }), 'its "id_token" has no lifetime'],
    ["expires before it was issued", idToken({ exp: iat }), 'its "id_token" has no lifetime'],
  ])("a response is refused if its ID token %s", async (_, id_token, problem) => {
    const error = await failureFrom({ access_token: "canary", token_type: "Bearer", id_token });
    expect(error.code).toBe("token_response_invalid");
    expect(error.message).toContain(problem);
  });

  it("a response whose access token is the ID token says to remove `use`", async () => {
    const error = await failureFrom({ access_token: idToken(), token_type: "N_A", issued_token_type: uri });
    expect(error.message).toContain('its "access_token" is the ID token. Remove "use" from the grant.');
  });

  it("without an audience in the config, the ID token must be for the client id", async () => {
    await using server = await startAuthorizationServer(
      answering({ id_token: idToken({ aud: "crm-agent" }) }),
    );
    const token = await credentials(server.origin, { audience: [] })({ signal: signal() });
    expect(token.expiresIn).toBe(900);
    await using other = await startAuthorizationServer(answering({ id_token: idToken() }));
    const error = await failureOf(credentials(other.origin, { audience: [] })({ signal: signal() }), []);
    expect(error.message).toContain('its "id_token" is not for "crm-agent".');
  });

  it("the ID token of a signed assertion with target_audience must be for that audience", async () => {
    const { generateKeyPairSync } = await import("node:crypto");
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const KEY = privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    const tokenFor = async (aud: string) => {
      await using server = await startAuthorizationServer(answering({ id_token: idToken({ aud }) }));
      const assertion: AssertionSpec = {
        kind: "signed",
        ...{ key: { privateKey: { env: "KEY" } }, issuer: "i", subject: "s" },
        ...{ audience: "token_endpoint", lifetime: 60_000, claims: { target_audience: audience } },
      };
      const client = { issuer: server.origin, credential: { kind: "none" } } as const;
      const grant = { type: "jwt_bearer", client, assertion, use: "id_token" } as const;
      return await grantOf(server.origin, grant, { env: { KEY } })({ signal: signal() });
    };
    expect((await tokenFor(audience)).accessToken).toBe(idToken());
    const error = await failureOf(tokenFor("https://canary.example"), ["canary"]);
    expect(error.message).toContain(`its "id_token" is not for "${audience}".`);
  });
});

describe("a grant that uses the access token", () => {
  it("a response with only an ID token names the setting that uses it", async () => {
    await using server = await startAuthorizationServer(answering({ id_token: idToken({ sub: "canary" }) }));
    const client = secretClient(server.origin);
    const grant = grantOf(server.origin, { type: "client_credentials", client }, { env });
    const error = await failureOf(grant({ signal: signal() }), [idToken({ sub: "canary" })]);
    expect(error.code).toBe("token_response_invalid");
    expect(error.message).toContain(
      'it has an "id_token", but no "access_token". If the MCP server accepts ID tokens, set "use": "id_token" in the grant.',
    );
  });

  it("an ID token beside the access token is ignored", async () => {
    const answer = { access_token: "granted", token_type: "Bearer", expires_in: 60, id_token: idToken() };
    await using server = await startAuthorizationServer(answering(answer));
    const client = secretClient(server.origin);
    const token = await grantOf(
      server.origin,
      { type: "client_credentials", client },
      { env },
    )({
      signal: signal(),
    });
    expect(token).toMatchObject({ accessToken: "granted", expiresIn: 60 });
  });
});
