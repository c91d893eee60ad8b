import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { calculateJwkThumbprint, decodeProtectedHeader, jwtVerify } from "jose";
import { describe, expect, it } from "vitest";
import type { ClientSpec, KeySpec } from "../../../src/config/spec.js";
import { sendJson } from "../../support/http-server.js";
import {
  clientCredentialsGrant,
  failureOf,
  now,
  secretClient,
  signal,
  startAuthorizationServer,
} from "./fixtures.js";

const issue = (response: Parameters<typeof sendJson>[0]) =>
  sendJson(response, { access_token: "granted", token_type: "Bearer", expires_in: 60 });

/** The one token request that a client makes at a server with this metadata. */
async function requestOf(
  client: (issuer: string) => ClientSpec,
  env: Record<string, string> = {},
  metadata: object = {},
) {
  await using server = await startAuthorizationServer((_, response) => issue(response), metadata);
  await clientCredentialsGrant(server.origin, client(server.origin), { env })({ signal: signal() });
  const [request, another] = server.tokenRequests();
  if (request === undefined || another !== undefined) throw new Error("expected one token request");
  return { request, origin: server.origin, form: new URLSearchParams(request.body) };
}

describe("client_secret_basic", () => {
  it.each([
    ["plain", "crm-agent", "s3cret", "crm-agent:s3cret"],
    ["with : % + and space", "crm:agent", "p:a%s+s w", "crm%3Aagent:p%3Aa%25s%2Bs+w"],
    [
      "with non-Latin letters",
      "агент",
      "пароль é",
      "%D0%B0%D0%B3%D0%B5%D0%BD%D1%82:%D0%BF%D0%B0%D1%80%D0%BE%D0%BB%D1%8C+%C3%A9",
    ],
    ["with the characters that only URLs leave alone", "a~b", "*-._~!'()", "a%7Eb:*-._%7E%21%27%28%29"],
    ["with characters beyond the basic plane", "crm", "🔑", "crm:%F0%9F%94%91"],
  ])("form-encodes id and secret before base64: %s", async (_, id, value, decoded) => {
    const { request } = await requestOf((issuer) => secretClient(issuer, { id }), { CRM_SECRET: value });
    const encoded = request.headers.authorization?.replace(/^Basic /, "") ?? "";
    expect(Buffer.from(encoded, "base64").toString("utf8")).toBe(decoded);
    // What a server that does it by the book gets back.
    const [first, second] = decoded.split(":").map((part) => new URLSearchParams(`v=${part}`).get("v"));
    expect([first, second]).toEqual([id, value]);
  });

  it("puts no credential into the body", async () => {
    const { request, origin } = await requestOf(secretClient, { CRM_SECRET: "s3cret" });
    const resource = encodeURIComponent(`${origin}/mcp`);
    expect(request.body).toBe(`grant_type=client_credentials&resource=${resource}`);
  });

  it("comes before post when a server lists both", async () => {
    const metadata = { token_endpoint_auth_methods_supported: ["client_secret_post", "client_secret_basic"] };
    const { request } = await requestOf(secretClient, { CRM_SECRET: "s3cret" }, metadata);
    expect(request.headers.authorization).toBe("Basic Y3JtLWFnZW50OnMzY3JldA==");
  });
});

describe("client_secret_post", () => {
  it("is used when a server lists only that", async () => {
    const metadata = { token_endpoint_auth_methods_supported: ["client_secret_post"] };
    const { request, origin } = await requestOf(secretClient, { CRM_SECRET: "p:a%s+s wö" }, metadata);
    expect(request.headers.authorization).toBeUndefined();
    expect(request.body).toBe(
      `grant_type=client_credentials&resource=${encodeURIComponent(`${origin}/mcp`)}` +
        "&client_id=crm-agent&client_secret=p%3Aa%25s%2Bs+w%C3%B6",
    );
  });

  it("is used when the config says so, whatever the server lists", async () => {
    const metadata = { token_endpoint_auth_methods_supported: ["private_key_jwt"] };
    const client = (issuer: string) => secretClient(issuer, { method: "client_secret_post" });
    const { form } = await requestOf(client, { CRM_SECRET: "s3cret" }, metadata);
    expect(form.get("client_secret")).toBe("s3cret");
  });
});

describe("a client without a credential", () => {
  it("sends its id in the body", async () => {
    const { request, form } = await requestOf((issuer) => ({
      issuer,
      id: "public",
      credential: { kind: "none" },
    }));
    expect(request.headers.authorization).toBeUndefined();
    expect([...form.keys()]).toEqual(["grant_type", "resource", "client_id"]);
    expect(form.get("client_id")).toBe("public");
  });
});

describe("a server that lists no method for the credential", () => {
  it.each([
    [["private_key_jwt", "tls_client_auth"], "it lists private_key_jwt, tls_client_auth."],
    [["obey-me", "none"], "it lists none, names that are not registered."],
    [[], "it lists nothing."],
  ])("%j is refused before the secret is read or anything is sent", async (listed, shown) => {
    await using server = await startAuthorizationServer((_, response) => issue(response), {
      token_endpoint_auth_methods_supported: listed,
    });
    // With an environment in which the secret is missing: reading it would be another error.
    const grant = clientCredentialsGrant(server.origin, secretClient(server.origin), { env: {} });
    const error = await failureOf(grant({ signal: signal() }), ["obey-me"]);
    expect(error).toMatchObject({ code: "unsupported_by_server", retryable: false });
    expect(error.message).toContain(shown);
    expect(server.tokenRequests()).toEqual([]);
  });
});

describe("a method of the config that does not go with the credential", () => {
  it("is config_invalid and sends nothing", async () => {
    await using server = await startAuthorizationServer((_, response) => issue(response));
    for (const client of [
      secretClient(server.origin, { method: "private_key_jwt" }),
      secretClient(server.origin, { method: "client_secret_post", credential: { kind: "none" } }),
    ]) {
      const grant = clientCredentialsGrant(server.origin, client);
      expect(await failureOf(grant({ signal: signal() }))).toMatchObject({ code: "config_invalid" });
    }
    expect(server.tokenRequests()).toEqual([]);
  });
});

describe("private_key_jwt", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
  const p521 = generateKeyPairSync("ec", { namedCurve: "P-521" });
  const ed25519 = generateKeyPairSync("ed25519");
  const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();

  const keyClient =
    (rest: Omit<KeySpec, "privateKey"> = {}) =>
    (issuer: string): ClientSpec => ({
      issuer,
      id: "billing-agent",
      credential: { kind: "key", key: { privateKey: { env: "KEY" }, ...rest } },
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
      const { request, origin, form } = await requestOf(keyClient({ alg }), { KEY: pem(privateKey) });
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
      const iat = Math.floor(now / 1_000);
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
    const { form } = await requestOf(keyClient(), { KEY: pem(privateKey) }, metadata);
    expect(decodeProtectedHeader(form.get("client_assertion") ?? "").alg).toBe(alg);
  });

  it("refuses a server that lists none that the key can, and sends nothing", async () => {
    await using server = await startAuthorizationServer(
      (_, response) => issue(response),
      listing("RS256", "obey-me"),
    );
    const env = { KEY: pem(p256.privateKey) };
    const grant = clientCredentialsGrant(server.origin, keyClient()(server.origin), { env });
    const error = await failureOf(grant({ signal: signal() }), ["obey-me"]);
    expect(error.code).toBe("unsupported_by_server");
    expect(error.message).toContain("(ES256). It lists RS256, names that are not registered.");
    expect(server.tokenRequests()).toEqual([]);
  });

  it("sends no kid when it is false", async () => {
    const { form } = await requestOf(keyClient({ kid: false }), { KEY: pem(p256.privateKey) });
    const header = decodeProtectedHeader(form.get("client_assertion") ?? "");
    expect(header).toEqual({ alg: "ES256", typ: "client-authentication+jwt" });
  });

  it("makes a new assertion for each attempt, with the key that is there then", async () => {
    await using server = await startAuthorizationServer((_, response) => issue(response));
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
});
