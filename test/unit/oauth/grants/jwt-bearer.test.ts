import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  X509Certificate,
} from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { calculateJwkThumbprint, decodeJwt, jwtVerify } from "jose";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AssertionSpec, ClientSpec, JwtBearerSpec } from "../../../../src/config/spec.js";
import { Secret } from "../../../../src/lib/secret.js";
import { selfSigned } from "../../../support/certificates.js";
import { type Handler, sendJson } from "../../../support/http-server.js";
import {
  failureOf,
  fieldsOf,
  grantOf,
  now,
  secretClient,
  signal,
  startAuthorizationServer,
  unsignedJwt,
} from "../fixtures.js";
import { issue } from "../sent-token-request.js";

const grantType = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const workload = unsignedJwt({ sub: "canary-workload", exp: now / 1_000 + 600 });

const anonymous = (issuer: string): ClientSpec => ({ issuer, credential: { kind: "none" } });

const fromPlatform: AssertionSpec = { kind: "platform", reference: { env: "WORKLOAD" } };

function jwtBearer(
  origin: string,
  assertion: AssertionSpec,
  env: Record<string, string>,
  more: Partial<JwtBearerSpec> = {},
) {
  const client = anonymous(origin);
  return grantOf(origin, { type: "jwt_bearer", client, assertion, resource: false, ...more }, { env });
}

describe("an assertion of the platform", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "assertion-"));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it("is sent unchanged, and the request names no client", async () => {
    await using server = await startAuthorizationServer(issue);
    const grant = jwtBearer(server.origin, fromPlatform, { WORKLOAD: workload }, { scopes: ["read"] });
    const token = await grant({ signal: signal() });
    const [request] = server.tokenRequests();
    expect(request?.body).toBe(
      `grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&scope=read&assertion=${workload}`,
    );
    expect(request?.headers.authorization).toBeUndefined();
    expect(token).toMatchObject({ accessToken: "granted", tokenType: "Bearer", scopes: ["read"] });
    expect(token).not.toHaveProperty("binding");
  });

  it("is sent with the resource and the audiences", async () => {
    await using server = await startAuthorizationServer(issue);
    const more = { resource: "https://mcp.example", audience: ["a", "b"] };
    await jwtBearer(server.origin, fromPlatform, { WORKLOAD: workload }, more)({ signal: signal() });
    expect(fieldsOf(server.tokenRequests()[0])).toEqual([
      ["grant_type", grantType],
      ["assertion", workload],
      ["resource", "https://mcp.example"],
      ["audience", "a"],
      ["audience", "b"],
    ]);
  });

  it("is sent with the id of a public client if the config has one", async () => {
    await using server = await startAuthorizationServer(issue);
    const client: ClientSpec = { ...anonymous(server.origin), id: "workload-agent" };
    await jwtBearer(server.origin, fromPlatform, { WORKLOAD: workload }, { client })({ signal: signal() });
    expect(fieldsOf(server.tokenRequests()[0])).toEqual([
      ["grant_type", grantType],
      ["assertion", workload],
      ["client_id", "workload-agent"],
    ]);
  });

  it("is sent with the client's credential if the client has one", async () => {
    await using server = await startAuthorizationServer(issue);
    const env = { WORKLOAD: workload, CRM_SECRET: "canary-5ecret" };
    const client = secretClient(server.origin);
    await jwtBearer(server.origin, fromPlatform, env, { client })({ signal: signal() });
    const [request] = server.tokenRequests();
    expect(request?.headers.authorization).toMatch(/^Basic /);
    expect(fieldsOf(request)).toEqual([
      ["grant_type", grantType],
      ["assertion", workload],
    ]);
  });

  it("is read from its file at each request", async () => {
    await using server = await startAuthorizationServer(issue);
    const file = join(folder, "token");
    const grant = jwtBearer(server.origin, { kind: "platform", reference: { file } }, {});
    const second = unsignedJwt({ sub: "second" });
    await writeFile(file, `${workload}\n`);
    await grant({ signal: signal() });
    await writeFile(file, `${second}\n`);
    await grant({ signal: signal() });
    const sent = server.tokenRequests().map(({ body }) => new URLSearchParams(body).get("assertion"));
    expect(sent).toEqual([workload, second]);
  });

  it("that is missing is secret_unavailable, and nothing is sent", async () => {
    await using server = await startAuthorizationServer(issue);
    const error = await failureOf(jwtBearer(server.origin, fromPlatform, {})({ signal: signal() }));
    expect(error.code).toBe("secret_unavailable");
    expect(server.tokenRequests()).toEqual([]);
  });

  it.each(["invalid_grant", "invalid_request", "unauthorized_client", "invalid_scope"])(
    "refused with %s is not sent again, and no other request is sent",
    async (code) => {
      await using server = await startAuthorizationServer((_, response) =>
        sendJson(response, { error: code, error_description: "canary-description" }, 400),
      );
      const grant = jwtBearer(server.origin, fromPlatform, { WORKLOAD: workload });
      const error = await failureOf(grant({ signal: signal() }), [workload, "canary"]);
      expect(error).toMatchObject({
        code: "token_request_rejected",
        oauthError: code,
        retryable: false,
      });
      expect(server.tokenRequests()).toHaveLength(1);
    },
  );

  it("that is refused is named in the error as what was refused", async () => {
    await using server = await startAuthorizationServer((_, response) =>
      sendJson(response, { error: "invalid_grant" }, 400),
    );
    const grant = jwtBearer(server.origin, fromPlatform, { WORKLOAD: workload });
    const { message } = await failureOf(grant({ signal: signal() }), [workload]);
    expect(message).toContain("does not accept the platform's token.");
    expect(message).toContain(server.origin);
  });

  it("refused with invalid_client gives advice about the client's id", async () => {
    await using server = await startAuthorizationServer((_, response) =>
      sendJson(response, { error: "invalid_client" }, 401),
    );
    const grant = jwtBearer(server.origin, fromPlatform, { WORKLOAD: workload });
    const { message } = await failureOf(grant({ signal: signal() }), [workload]);
    expect(message).toContain('requires a client id. Give the client its "id"');
  });
});

describe("the token of a user as an assertion", () => {
  const ofUser: AssertionSpec = { kind: "runtime" };
  const user = "canary user token";
  const onBehalfOf = (origin: string, subjectToken?: () => Promise<Secret>) => {
    const client = secretClient(origin);
    const params = { requested_token_use: "on_behalf_of" };
    const grant = { type: "jwt_bearer", client, assertion: ofUser, params, resource: false } as const;
    return grantOf(origin, grant, {
      env: { CRM_SECRET: "canary-5ecret" },
      ...(subjectToken && { subjectToken }),
    });
  };

  it("a user's token is sent as the assertion, with the client's credential and the parameters", async () => {
    await using server = await startAuthorizationServer(issue);
    await onBehalfOf(server.origin, async () => new Secret(user))({ signal: signal() });
    const [request] = server.tokenRequests();
    expect(request?.headers.authorization).toMatch(/^Basic /);
    expect(request?.body).toBe(
      "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer" +
        "&assertion=canary+user+token&requested_token_use=on_behalf_of",
    );
  });

  it("a user's token is read for each request", async () => {
    await using server = await startAuthorizationServer(issue);
    let count = 0;
    const grant = onBehalfOf(server.origin, async () => new Secret(`token-${++count}`));
    await grant({ signal: signal() });
    await grant({ signal: signal() });
    const sent = server.tokenRequests().map(({ body }) => new URLSearchParams(body).get("assertion"));
    expect(sent).toEqual(["token-1", "token-2"]);
  });

  it("a manager without a user fails with secret_unavailable, and nothing is sent", async () => {
    await using server = await startAuthorizationServer(issue);
    const error = await failureOf(onBehalfOf(server.origin)({ signal: signal() }));
    expect(error.code).toBe("secret_unavailable");
    expect(error.message).toContain("manager.for({ key, subjectToken })");
    expect(server.tokenRequests()).toEqual([]);
  });

  it("a user's token that is refused is named in the error, is not quoted, and is not sent again", async () => {
    await using server = await startAuthorizationServer((_, response) =>
      sendJson(response, { error: "invalid_grant", error_description: `not ${user}` }, 400),
    );
    const grant = onBehalfOf(server.origin, async () => new Secret(user));
    const error = await failureOf(grant({ signal: signal() }), [user]);
    expect(error).toMatchObject({ oauthError: "invalid_grant", retryable: false });
    expect(error.message).toContain("does not accept the user's token that was passed to `for()`.");
    expect(error.details?.["error_description"]).toBe("not <secret>");
    expect(server.tokenRequests()).toHaveLength(1);
  });
});

describe("an assertion signed by us", () => {
  const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }).toString();

  const signed = (more: Partial<Extract<AssertionSpec, { kind: "signed" }>> = {}): AssertionSpec => ({
    kind: "signed",
    key: { privateKey: { env: "KEY" } },
    issuer: "robot@project.example",
    subject: "user@company.example",
    audience: "issuer",
    lifetime: 300_000,
    claims: {},
    ...more,
  });

  async function assertionOf(
    assertion: AssertionSpec,
    { privateKey, publicKey } = ec,
    answer: Handler = issue,
    env: Record<string, string> = {},
  ) {
    await using server = await startAuthorizationServer(answer);
    await jwtBearer(server.origin, assertion, { KEY: pem(privateKey), ...env })({ signal: signal() });
    const [request] = server.tokenRequests();
    const [, field] = fieldsOf(request);
    expect(fieldsOf(request).map(([name]) => name)).toEqual(["grant_type", "assertion"]);
    const { payload, protectedHeader } = await jwtVerify(field?.[1] ?? "", publicKey, {
      currentDate: new Date(now),
    });
    return { payload, header: protectedHeader, origin: server.origin };
  }

  it("has the expected claims and header, and a signature that the public key verifies", async () => {
    const { payload, header, origin } = await assertionOf(signed());
    const iat = Math.floor(now / 1_000) - 5;
    expect(payload).toEqual({
      iss: "robot@project.example",
      sub: "user@company.example",
      aud: origin,
      iat,
      exp: iat + 300,
      jti: expect.stringMatching(/^[\da-f-]{36}$/),
    });
    const kid = await calculateJwkThumbprint(ec.publicKey.export({ format: "jwk" }));
    expect(header).toEqual({ alg: "ES256", kid, typ: "JWT" });
  });

  it("is signed with RS256 for an RSA key, or with the alg of the config", async () => {
    expect((await assertionOf(signed(), rsa)).header.alg).toBe("RS256");
    const key = { privateKey: { env: "KEY" }, alg: "PS384", kid: "registered" };
    expect((await assertionOf(signed({ key }), rsa)).header).toEqual({
      alg: "PS384",
      kid: "registered",
      typ: "JWT",
    });
  });

  it("is for the endpoint that it is sent to, whichever other endpoint the metadata names", async () => {
    const { certificate, privateKey } = await selfSigned({});
    const elsewhere = "https://honest.example/token";
    await using server = await startAuthorizationServer(issue, () => ({
      token_endpoint: elsewhere,
      mtls_endpoint_aliases: { token_endpoint: `${server.origin}/mtls` },
    }));
    const client: ClientSpec = {
      ...anonymous(server.origin),
      id: "agent",
      credential: { kind: "certificate", certificate: { cert: { env: "CERT" }, key: { env: "CERT_KEY" } } },
    };
    const env = { KEY: pem(ec.privateKey), CERT: certificate, CERT_KEY: privateKey };
    const assertion = signed({ audience: "token_endpoint" });
    await jwtBearer(server.origin, assertion, env, { client })({ signal: signal() });
    const [request] = server.tokenRequests();
    const { aud } = decodeJwt(new URLSearchParams(request?.body).get("assertion") ?? "");
    expect([request?.url, aud]).toEqual(["/mtls", `${server.origin}/mtls`]);
  });

  it("has the certificate of its key in the ways that the config names", async () => {
    const { certificate, privateKey } = await selfSigned({});
    const pair = { privateKey: createPrivateKey(privateKey), publicKey: createPublicKey(certificate) };
    const key = {
      privateKey: { env: "KEY" },
      certificate: { env: "CERTIFICATE" },
      certificateHeaders: ["x5c"],
      kid: false,
    } as const;
    const { header } = await assertionOf(signed({ key }), pair, issue, { CERTIFICATE: certificate });
    const x5c = [new X509Certificate(certificate).raw.toString("base64")];
    expect(header).toEqual({ alg: "ES256", typ: "JWT", x5c });
  });

  it.each([
    ["issuer", (origin: string) => origin],
    ["token_endpoint", (origin: string) => `${origin}/token`],
    ["https://accounts.example/o/token", () => "https://accounts.example/o/token"],
  ])("has the audience of the config: %s", async (audience, expected) => {
    const { payload, origin } = await assertionOf(signed({ audience }));
    expect(payload.aud).toBe(expected(origin));
  });

  it("has the claims of the config, which never replace its own claims", async () => {
    const claims = { scope: "a b", target: { tenant: 7 }, iss: "other", exp: 1, jti: "fixed" };
    const { payload } = await assertionOf(signed({ claims, lifetime: 90_999 }));
    expect(payload).toMatchObject({ scope: "a b", target: { tenant: 7 }, iss: "robot@project.example" });
    expect(payload.exp).toBe(Math.floor(now / 1_000) - 5 + 90);
    expect(payload.jti).not.toBe("fixed");
  });

  it("has a lifetime of at least one second, because its times are in seconds", async () => {
    const { payload } = await assertionOf(signed({ lifetime: 500 }));
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBe(1);
  });

  it("is signed again for each request, and after the endpoint has moved", async () => {
    let path = "/old";
    await using server = await startAuthorizationServer(
      (request, response) => {
        if (request.url === "/new") return issue(request, response);
        path = "/new";
        response.writeHead(404).end();
      },
      () => ({ token_endpoint: `${server.origin}${path}` }),
    );
    const grant = jwtBearer(server.origin, signed(), { KEY: pem(ec.privateKey) });
    await grant({ signal: signal() });
    await grant({ signal: signal() });
    const assertions = server.tokenRequests().map(({ body }) => new URLSearchParams(body).get("assertion"));
    expect(assertions).toHaveLength(3);
    expect(new Set(assertions).size).toBe(3);
  });

  it("is signed with the current key, and the manager learns the kid", async () => {
    await using server = await startAuthorizationServer(issue);
    const env = { KEY: pem(ec.privateKey) };
    const kids: (string | undefined)[] = [];
    const client = anonymous(server.origin);
    const grant = grantOf(
      server.origin,
      { type: "jwt_bearer", client, assertion: signed() },
      {
        env,
        manager: {
          set kid(kid: string | undefined) {
            kids.push(kid);
          },
        },
      },
    );
    await grant({ signal: signal() });
    env.KEY = pem(rsa.privateKey);
    await grant({ signal: signal() });
    const thumbprint = ({ publicKey }: typeof ec) =>
      calculateJwkThumbprint(publicKey.export({ format: "jwk" }));
    expect(kids).toEqual([await thumbprint(ec), await thumbprint(rsa)]);
  });

  it("that is refused is named in the error as what was refused, and is not sent again", async () => {
    await using server = await startAuthorizationServer((_, response) =>
      sendJson(response, { error: "invalid_grant", error_description: "canary" }, 400),
    );
    const grant = jwtBearer(server.origin, signed(), { KEY: pem(ec.privateKey) });
    const error = await failureOf(grant({ signal: signal() }), ["canary", "eyJ"]);
    expect(error).toMatchObject({ oauthError: "invalid_grant", retryable: false });
    expect(error.message).toContain(
      'Check the "issuer", "subject" and "audience" of the grant\'s "assertion"',
    );
    expect(server.tokenRequests()).toHaveLength(1);
  });

  it("is not sent if its key cannot be read", async () => {
    await using server = await startAuthorizationServer(issue);
    const grant = jwtBearer(server.origin, signed(), { KEY: "canary: no key" });
    expect((await failureOf(grant({ signal: signal() }), ["canary"])).code).toBe("key_invalid");
    expect(server.tokenRequests()).toEqual([]);
  });
});
