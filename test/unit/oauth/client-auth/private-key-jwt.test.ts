import { createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { calculateJwkThumbprint, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import type { ClientSpec, PrivateKeySpec } from "../../../../src/config/spec.js";
import { selfSigned } from "../../../support/certificates.js";
import { sendJson } from "../../../support/http-server.js";
import { certificateThumbprint } from "../../../support/mutual-tls.js";
import { clientCredentialsGrant, failureOf, now, signal, startAuthorizationServer } from "../fixtures.js";
import { issue, sentTokenRequest } from "../sent-token-request.js";

describe("private_key_jwt", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const p521 = generateKeyPairSync("ec", { namedCurve: "P-521" });
  const ed25519 = generateKeyPairSync("ed25519");
  const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();

  const keyClient =
    (rest: Omit<PrivateKeySpec, "privateKey"> = {}, more: Partial<ClientSpec> = {}) =>
    (issuer: string): ClientSpec => ({
      issuer,
      id: "billing-agent",
      credential: { kind: "key", key: { privateKey: { env: "KEY" }, ...rest } },
      ...more,
    });

  it.each([
    ["RS256", rsa],
    ["RS384", rsa],
    ["RS512", rsa],
    ["PS256", rsa],
    ["PS384", rsa],
    ["PS512", rsa],
    ["ES256", p256],
    ["ES384", p384],
    ["ES512", p521],
    ["EdDSA", ed25519],
    ["Ed25519", ed25519],
  ] as const)(
    "signs with %s an assertion that the public key verifies",
    async (alg, { privateKey, publicKey }) => {
      const { request, origin, form } = await sentTokenRequest(keyClient({ alg }), { KEY: pem(privateKey) });
      expect(request.headers.authorization).toBeUndefined();
      expect([...form.keys()]).toEqual([
        "grant_type",
        "resource",
        "client_assertion_type",
        "client_assertion",
      ]);
      expect(form.get("client_assertion_type")).toBe(
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      );

      const assertion = form.get("client_assertion") ?? "";
      const { payload, protectedHeader } = await jwtVerify(assertion, publicKey, {
        algorithms: [alg],
        currentDate: new Date(now),
      });
      const kid = await calculateJwkThumbprint(publicKey.export({ format: "jwk" }));
      expect(protectedHeader).toEqual({ alg, kid, typ: "client-authentication+jwt" });
      const iat = Math.floor(now / 1_000) - 5;
      const { jti, ...claims } = payload;
      expect(claims).toEqual({ iss: "billing-agent", sub: "billing-agent", aud: origin, iat, exp: iat + 60 });
      expect(jti).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    },
  );

  const listing = (...algorithms: string[]) => ({
    token_endpoint_auth_signing_alg_values_supported: algorithms,
  });

  it.each([
    ["RSA, no list", rsa, {}, "RS256"],
    ["RSA, RS256 before PS256", rsa, listing("RS256", "PS256"), "PS256"],
    ["RSA, without PS256", rsa, listing("ES256", "RS256"), "RS256"],
    ["P-384", p384, listing("ES256", "ES384"), "ES384"],
    ["Ed25519, no list", ed25519, {}, "EdDSA"],
    ["Ed25519, only the new name", ed25519, listing("Ed25519"), "Ed25519"],
  ] as const)("picks the algorithm from the metadata: %s", async (_, { privateKey }, metadata, alg) => {
    const { form } = await sentTokenRequest(keyClient(), { KEY: pem(privateKey) }, metadata);
    expect(decodeProtectedHeader(form.get("client_assertion") ?? "").alg).toBe(alg);
  });

  it("refuses a server that lists no algorithm of the key, and sends nothing", async () => {
    await using server = await startAuthorizationServer(issue, listing("RS256", "obey-me"));
    const env = { KEY: pem(p256.privateKey) };
    const grant = clientCredentialsGrant(server.origin, keyClient()(server.origin), { env });
    const error = await failureOf(grant({ signal: signal() }), ["obey-me"]);
    expect(error.code).toBe("unsupported_by_server");
    expect(error.message).toContain("(ES256). It lists RS256, names that are not registered.");
    expect(server.tokenRequests()).toEqual([]);
  });

  it("sends no kid when it is false", async () => {
    const { form } = await sentTokenRequest(keyClient({ kid: false }), { KEY: pem(p256.privateKey) });
    const header = decodeProtectedHeader(form.get("client_assertion") ?? "");
    expect(header).toEqual({ alg: "ES256", typ: "client-authentication+jwt" });
  });

  it("signs a new assertion for each attempt, with the current key", async () => {
    await using server = await startAuthorizationServer(issue);
    const folder = await mkdtemp(join(tmpdir(), "assertion-"));
    const file = join(folder, "agent.pem");
    const client: ClientSpec = {
      issuer: server.origin,
      id: "billing-agent",
      credential: { kind: "key", key: { privateKey: { file } } },
    };
    const grant = clientCredentialsGrant(server.origin, client);
    await writeFile(file, pem(p256.privateKey));
    await grant({ signal: signal() });
    await grant({ signal: signal() });
    await writeFile(file, pem(ed25519.privateKey));
    await grant({ signal: signal() });
    await rm(folder, { recursive: true });

    const assertions = server
      .tokenRequests()
      .map(({ body }) => new URLSearchParams(body).get("client_assertion") ?? "");
    const verified = await Promise.all(
      [p256.publicKey, p256.publicKey, ed25519.publicKey].map(async (key, index) => {
        return await jwtVerify(assertions[index] ?? "", key, { currentDate: new Date(now) });
      }),
    );
    expect(new Set(verified.map(({ payload }) => payload.jti)).size).toBe(3);
  });

  it("with a wrong key is invalid_client and shows neither key nor assertion", async () => {
    let assertion = "";
    await using server = await startAuthorizationServer((request, response) => {
      assertion = new URLSearchParams(request.body).get("client_assertion") ?? "";
      sendJson(response, { error: "invalid_client", error_description: assertion }, 401);
    });
    const env = { KEY: pem(p256.privateKey) };
    const grant = clientCredentialsGrant(server.origin, keyClient()(server.origin), { env });
    const line = env.KEY.split("\n")[1] ?? "no key";
    const attempt = grant({ signal: signal() });
    const error = await failureOf(attempt, [line]);
    expect(JSON.stringify(error)).not.toContain(assertion.slice(0, 40));
    expect(error).toMatchObject({ code: "token_request_rejected", oauthError: "invalid_client" });
    expect(error.message).toContain('"kid"');
  });

  const jwt = (form: URLSearchParams) => {
    const assertion = form.get("client_assertion") ?? "";
    return { header: decodeProtectedHeader(assertion), claims: decodeJwt(assertion) };
  };

  it.each([
    ["issuer", (origin: string) => origin],
    ["token_endpoint", (origin: string) => `${origin}/token`],
    ["https://login.example/tenant/", () => "https://login.example/tenant/"],
  ] as const)("has the audience of the config: %s", async (assertionAudience, expected) => {
    const client = keyClient({}, { assertionAudience });
    const { form, origin } = await sentTokenRequest(client, { KEY: pem(p256.privateKey) });
    expect(jwt(form).claims.aud).toBe(expected(origin));
  });

  it("has the thumbprint of the key's certificate, and then also a client_id in the body", async () => {
    const { certificate, privateKey } = await selfSigned({ keyType: "rsa" });
    const client = keyClient({ certificate: { env: "CERTIFICATE" }, kid: false, alg: "PS256" });
    const { form } = await sentTokenRequest(client, { KEY: privateKey, CERTIFICATE: certificate });
    const typ = "client-authentication+jwt";
    const thumbprint = certificateThumbprint(certificate);
    expect(jwt(form).header).toEqual({ alg: "PS256", typ, "x5t#S256": thumbprint });
    expect(form.get("client_id")).toBe("billing-agent");
    const assertion = form.get("client_assertion") ?? "";
    const key = createPublicKey(privateKey);
    await expect(jwtVerify(assertion, key, { currentDate: new Date(now) })).resolves.toBeDefined();
  });

  it.each([
    // The assertion is issued up to five seconds ago, but for at most half of its lifetime.
    { assertionLifetime: 300_000, age: 5, lifetime: 300 },
    { assertionLifetime: 1_999, age: 0, lifetime: 1 },
    { assertionLifetime: 4_000, age: 2, lifetime: 4 },
  ])("is valid for the $assertionLifetime ms of the config", async ({ assertionLifetime, age, lifetime }) => {
    const client = keyClient({}, { assertionLifetime });
    const { form } = await sentTokenRequest(client, { KEY: pem(p256.privateKey) });
    const iat = Math.floor(now / 1_000) - age;
    expect(jwt(form).claims).toMatchObject({ iat, exp: iat + lifetime });
  });

  it("has the typ of the config", async () => {
    const client = keyClient({}, { assertionType: "JWT" });
    const { form } = await sentTokenRequest(client, { KEY: pem(p256.privateKey) });
    expect(jwt(form).header.typ).toBe("JWT");
  });

  it("sends a client id that is a URL unchanged", async () => {
    const id = "https://Agents.example/billing?v=1#me";
    const { form } = await sentTokenRequest(keyClient({}, { id }), { KEY: pem(p256.privateKey) });
    expect(jwt(form).claims).toMatchObject({ iss: id, sub: id });
    expect(form.has("client_id")).toBe(false);
  });

  it("uses a configured algorithm that the server does not list, with a warning", async () => {
    const env = { KEY: pem(rsa.privateKey) };
    const unlisted = await sentTokenRequest(keyClient({ alg: "PS512" }), env, listing("RS256"));
    expect(jwt(unlisted.form).header.alg).toBe("PS512");
    expect(unlisted.warnings).toEqual(["unsupported_by_server"]);
    for (const metadata of [listing("PS512", "RS256"), {}]) {
      expect((await sentTokenRequest(keyClient({ alg: "PS512" }), env, metadata)).warnings).toEqual([]);
    }
  });

  it("never repeats a jti among fifty requests at once", async () => {
    await using server = await startAuthorizationServer(issue);
    const env = { KEY: pem(p256.privateKey) };
    const grant = clientCredentialsGrant(server.origin, keyClient()(server.origin), { env });
    await Promise.all(Array.from({ length: 50 }, () => grant({ signal: signal() })));
    const ids = server.tokenRequests().map(({ body }) => jwt(new URLSearchParams(body)).claims.jti);
    expect(new Set(ids).size).toBe(50);
  });
});
