// Invalid input of every kind through the public API: the error messages, and that no secret is shown or sent.

import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { describe, expect, test } from "vitest";
import { createMcpAuth, type McpAuthConfig, type McpAuthOptions } from "../../src/index.js";
import { selfSigned } from "../support/certificates.js";
import { type Handler, sendJson } from "../support/http-server.js";
import { rejectionOf } from "../support/rejection-of.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { pkcs12 } from "../unit/keys/foreign-keys.js";
import { createTestRuntime, recordEvents, startScriptedServer } from "./harness.js";

const ec = generateKeyPairSync("ec", { namedCurve: "P-256" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = ({ privateKey }: { readonly privateKey: KeyObject }) =>
  privateKey.export({ type: "pkcs8", format: "pem" }).toString();

/** A JWT that nobody signed. */
const jwt = (claims: object) =>
  [{ alg: "none" }, claims, "signature"]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");

const bearer: Handler = (_, response) =>
  sendJson(response, { access_token: "canary-token", token_type: "Bearer", expires_in: 60 });
const refusing =
  (error: string, status = 400): Handler =>
  (_, response) =>
    sendJson(response, { error, error_description: "canary-prose" }, status);

interface Setting {
  /** Metadata in addition to issuer and token endpoint. */
  readonly metadata?: object;
  readonly token?: Handler;
  readonly env?: Readonly<Record<string, string>>;
  /** Members of the server in the config. */
  readonly server?: object;
  readonly options?: McpAuthOptions<"crm">;
}

/** Starts a server `crm` with its authorization server at the same origin, and creates a manager with this grant. */
async function crm(grant: (issuer: string) => object, setting: Setting = {}) {
  const { metadata, token = bearer, env = {}, server: more, options } = setting;
  const server = await startScriptedServer((request, response) => {
    const issuer = server.origin;
    if (request.url === "/token") return token(request, response);
    if (request.url !== "/.well-known/oauth-authorization-server") return sendJson(response, {}, 404);
    sendJson(response, { issuer, token_endpoint: `${issuer}/token`, ...metadata });
  });
  const config = {
    servers: {
      crm: {
        url: `${server.origin}/mcp`,
        retry: { attempts: 3, min: "1ms", max: "2ms" },
        grant: grant(server.origin),
        ...more,
      },
    },
    // Built from parts.
  } as object as McpAuthConfig<"crm">;
  const auth = await createTestRuntime({ config, env, ...options });
  return {
    auth,
    manager: auth.resolve("crm"),
    issuer: server.origin,
    host: new URL(server.origin).host,
    tokenRequests: () => server.requests.filter(({ url }) => url === "/token"),
  };
}

/** Returns a client_credentials grant with this client. */
const as =
  (client: object) =>
  (issuer: string): object => ({ client: { issuer, id: "agent", ...client } });

/** Planted texts, and the beginnings of keys and JWTs. */
const canaries = /canary|PRIVATE KEY|\beyJ/;

/** Returns the message of the error of a token request. Asserts its code, and that the error shows no secret. */
async function messageOf(
  { manager, issuer, host }: Awaited<ReturnType<typeof crm>>,
  code: string,
  ask = () => manager.getToken(),
) {
  const error = await rejectionOf(ask());
  expect([error.code, error.server, error.retryable]).toEqual([code, "crm", false]);
  const shown = `${inspect(error, { depth: 9, showHidden: true })}${error.stack}${JSON.stringify(error)}`;
  expect(shown).not.toMatch(canaries);
  return error.message.replaceAll(issuer, "ISSUER").replaceAll(host, "HOST");
}

const methods = "token_endpoint_auth_methods_supported";
const algorithms = "token_endpoint_auth_signing_alg_values_supported";
const proofAlgorithms = "dpop_signing_alg_values_supported";

describe("a method that the authorization server does not list", () => {
  const reference = { env: "NOWHERE" };

  test.each([
    [
      "a secret",
      { secret: reference },
      ["private_key_jwt", "canary"],
      "does not accept client_secret_basic, client_secret_post or client_secret_jwt; it lists private_key_jwt, names " +
        "that are not registered. Use a credential that it accepts, or",
    ],
    [
      "a key",
      { key: { privateKey: reference } },
      ["client_secret_basic"],
      "does not accept private_key_jwt; it lists client_secret_basic. Use a credential that it accepts, or",
    ],
    [
      "an assertion",
      { assertion: reference },
      [],
      "does not accept private_key_jwt; it lists nothing. Use a credential that it accepts, or",
    ],
    [
      "a certificate",
      { certificate: { cert: reference, key: reference } },
      ["none"],
      "does not accept tls_client_auth or self_signed_tls_client_auth; it lists none. Use a credential that it accepts, or",
    ],
    [
      "nothing",
      {},
      ["client_secret_basic", "private_key_jwt"],
      "does not accept a client without a credential; it lists client_secret_basic, private_key_jwt. Give the client a " +
        "credential that it accepts, or",
    ],
  ])(
    "a method for %s that the server does not list is unsupported_by_server, before a secret is read or a request sent",
    async (_, client, listed, text) => {
      // The variable is not set, so reading it would be another error.
      const world = await crm(as(client), { metadata: { [methods]: listed } });
      expect(await messageOf(world, "unsupported_by_server")).toBe(
        `Server "crm": the authorization server ISSUER ${text} set the client's "method" if the list is wrong.`,
      );
      expect(world.tokenRequests()).toEqual([]);
    },
  );

  test("a method that the server does not list is used if the config names it, with one warning for any number of tokens", async () => {
    const world = await crm(as({ secret: { env: "SECRET" }, method: "client_secret_post" }), {
      metadata: { [methods]: ["private_key_jwt"] },
      env: { SECRET: "s3cret" },
    });
    const heard = recordEvents(world.auth);
    await world.manager.getToken();
    await world.manager.getToken({ forceRefresh: true });
    const forms = world.tokenRequests().map(({ body }) => new URLSearchParams(body).get("client_secret"));
    expect(forms).toEqual(["s3cret", "s3cret"]);
    const warnings = heard.filter(({ event }) => event === "token:warning");
    expect(warnings).toMatchObject([{ server: "crm", code: "unsupported_by_server" }]);
  });
});

describe("an algorithm that the servers do not list", () => {
  const key = { privateKey: { env: "KEY" } };
  const env = { KEY: pem(ec), SECRET: "s".repeat(64) };

  test.each<[string, object, object, object, string]>([
    [
      "of the client's key",
      { key },
      {},
      { [algorithms]: ["RS256", "canary"] },
      "does not accept a signature that the key can make (ES256). It lists RS256, names that are not registered. Use a key",
    ],
    [
      "of its secret",
      { secret: { env: "NOWHERE" }, method: "client_secret_jwt" },
      {},
      { [algorithms]: ["RS256"] },
      "does not accept a signature made with a client secret (HS256, HS384, HS512). It lists RS256. Set the client's",
    ],
    [
      "of a key that is made for DPoP",
      { secret: { env: "SECRET" } },
      { dpop: true },
      { [proofAlgorithms]: ["ES256K"] },
      "accepts no DPoP proof that a generated key can sign (ES256,",
    ],
    [
      "of a named key for DPoP",
      { secret: { env: "SECRET" } },
      { dpop: { key } },
      { [proofAlgorithms]: ["RS256"] },
      'accepts no DPoP proof that the key of its "dpop" can sign (ES256). It lists RS256. Name a key',
    ],
  ])(
    "an algorithm %s that the server does not list is unsupported_by_server, and nothing is sent",
    async (_, client, server, metadata, text) => {
      const world = await crm(as(client), { metadata, env, server });
      const message = await messageOf(world, "unsupported_by_server");
      expect(message).toContain(`Server "crm": the authorization server ISSUER ${text}`);
      expect(world.tokenRequests()).toEqual([]);
    },
  );

  test.each<[string, object, object, object]>([
    ["the client's key", { key: { ...key, alg: "ES256" } }, {}, { [algorithms]: ["RS256"] }],
    [
      "the key for DPoP",
      { secret: { env: "SECRET" } },
      { dpop: { key: { ...key, alg: "ES256" } } },
      { [proofAlgorithms]: ["RS256"] },
    ],
  ])(
    "an algorithm that the server does not list is used for %s if the config names it, with a warning",
    async (_, client, server, metadata) => {
      const token: Handler = ({ headers }, response) => {
        const token_type = headers["dpop"] === undefined ? "Bearer" : "DPoP";
        sendJson(response, { access_token: "t", token_type, expires_in: 60 });
      };
      const world = await crm(as(client), { metadata, env, server, token });
      const heard = recordEvents(world.auth);
      await world.manager.getToken();
      expect(world.tokenRequests()).toHaveLength(1);
      const codes = heard.filter(({ event }) => event === "token:warning").map(({ code }) => code);
      expect(codes).toEqual(["unsupported_by_server"]);
    },
  );
});

describe("an invalid or wrong key", () => {
  const encrypted = ec.privateKey
    .export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "canary-passphrase" })
    .toString();
  const publicPem = ec.publicKey.export({ type: "spki", format: "pem" }).toString();
  const publicJwk = JSON.stringify(ec.publicKey.export({ format: "jwk" }));
  const certificate = async () => (await selfSigned()).certificate;

  test.each<[string, () => string | Buffer | Promise<string>, object, RegExp]>([
    [
      "EC, for RS256",
      () => pem(ec),
      { alg: "RS256" },
      /EC key on P-256, which signs ES256, .*"alg".*"RS256"/,
    ],
    ["P-256, for ES384", () => pem(ec), { alg: "ES384" }, /EC key on P-256, which signs ES256, .*"ES384"/],
    ["RSA, for ES256", () => pem(rsa), { alg: "ES256" }, /an RSA key.*"ES256"/],
    ["a certificate", certificate, {}, /holds a certificate. Name the private key/],
    ["a public key in PEM", () => publicPem, {}, /holds a public key. Name the private key/],
    ["a public key as JWK", () => publicJwk, {}, /holds a public key. Name the private key/],
    ["encrypted, without a passphrase", () => encrypted, {}, /is encrypted. Add the key's "passphrase"/],
    [
      "encrypted, with another passphrase",
      () => encrypted,
      { passphrase: { env: "PASSPHRASE" } },
      /cannot be decrypted: the passphrase is wrong/,
    ],
    [
      "PKCS #12",
      () => pkcs12,
      {},
      /it is PKCS #12 \(PFX\)\. Convert it with `openssl pkcs12 -in \S+agent\.pem -nocerts -nodes -out key\.pem`/,
    ],
    ["no key at all", () => "canary", {}, /it is not a key in PEM, DER or JWK/],
  ])("an invalid or wrong key is key_invalid with a reason: %s", async (_, content, key, text) => {
    const folder = await temporaryFolder();
    const file = join(folder, "agent.pem");
    await writeFile(file, await content(), { mode: 0o600 });
    // An old modification time, because a file that was written a moment ago may be incomplete and is read again.
    await utimes(file, 0, 0);
    const world = await crm(as({ key: { privateKey: { file: "./agent.pem" }, ...key } }), {
      env: { PASSPHRASE: "canary-other" },
      options: { cwd: folder },
    });
    const message = await messageOf(world, "key_invalid");
    expect(message).toMatch(text);
    expect(message).toContain(join(folder, "agent.pem"));
    expect(world.tokenRequests()).toEqual([]);
  });
});

describe("a grant with a property of another grant", () => {
  const client = { issuer: "https://auth.example", id: "agent" };
  const token = { env: "TOKEN" };
  const subject = { token };
  /** The required members of each grant. */
  const requiredMembers = {
    client_credentials: { client },
    jwt_bearer: { client, assertion: token },
    token_exchange: { client, subject },
    enterprise_managed: { client, idp: { client, subject } },
    static: { token },
  } as const;
  /** Members that only some grants have. */
  const fields = {
    assertion: token,
    subject,
    actor: subject,
    requestedType: "jwt",
    idp: { client, subject },
    token,
  };

  const optional = ["actor", "requestedType"];

  /** Returns the lines of the message that describe a mistake. */
  async function mistakes(grant: object, more: object = {}): Promise<readonly string[]> {
    const servers = { crm: { url: "https://crm.example/mcp", grant, ...more } };
    // The config is invalid on purpose.
    const config = { servers } as object as McpAuthConfig<"crm">;
    const error = await rejectionOf(createMcpAuth({ config, env: {} }));
    expect(error.code).toBe("config_invalid");
    return error.message.split("\n").filter((line) => line.includes("/servers/"));
  }

  const foreign = Object.entries(requiredMembers).flatMap(([type, grant]) =>
    Object.entries(fields)
      .filter(([name]) => !(name in grant) && !(type === "token_exchange" && optional.includes(name)))
      .map(([name, value]) => [type, name, { type, ...grant, [name]: value }] as const),
  );
  const places: Readonly<Record<string, RegExp>> = {
    assertion: /to the grant type jwt_bearer/,
    subject: /to the grant type token_exchange|in `idp`|in `assertion`/,
    actor: /to the grant type token_exchange/,
    requestedType: /to the grant type token_exchange/,
    idp: /to the grant type enterprise_managed/,
    token: /to the grant type static|in `subject`|in the `subject` of the `idp`/,
  };

  test.each(foreign)(
    "a grant %s with `%s` is config_invalid with one mistake, which says where the property belongs",
    async (_, name, grant) => {
      const lines = await mistakes(grant);
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain(`/servers/crm/grant/${name}`);
      expect(lines[0]).toMatch(new RegExp(`"${name}" belongs`));
      expect(lines[0]).toMatch(places[name] ?? /never/);
    },
  );

  test.each([
    ...["grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type", "scope"],
    ...["resource", "audience", "assertion", "subject_token", "subject_token_type", "actor_token"],
    ...["actor_token_type", "requested_token_type", "refresh_token", "code", "redirect_uri", "code_verifier"],
  ])("the parameter %s is config_invalid, whatever its value", async (name) => {
    for (const value of ["canary", { env: "CANARY" }]) {
      const lines = await mistakes({ client, params: { [name]: value } });
      expect(lines).toHaveLength(1);
      expect(lines[0]).toContain(`/servers/crm/grant/params/${name}`);
      expect(lines[0]).toContain(`The parameter ${name} cannot be set in \`params\``);
      expect(lines[0]).not.toContain("canary");
    }
  });
});

describe("a grant whose assertion or token is refused", () => {
  const assertion = { env: "ASSERTION" };
  const workload = (issuer: string) => ({ type: "jwt_bearer", client: { issuer }, assertion });
  const env = { ASSERTION: jwt({ sub: "canary" }), KEY: pem(ec), SUBJECT: "canary-subject" };

  test.each<[string, (issuer: string) => object, string]>([
    [
      "the platform's token",
      workload,
      "The authorization server ISSUER does not accept the platform's token. Check that ISSUER trusts its issuer, for this",
    ],
    [
      "an assertion of our own",
      (issuer) => ({
        type: "jwt_bearer",
        client: { issuer },
        assertion: { key: { privateKey: { env: "KEY" } }, issuer: "robot", subject: "user" },
      }),
      'Check the "issuer", "subject" and "audience" of the grant\'s "assertion" (sent for the issuer, signed with ES256). Check that',
    ],
    [
      "a subject",
      (issuer) => ({
        type: "token_exchange",
        client: { issuer, id: "agent" },
        subject: { token: { env: "SUBJECT" } },
      }),
      'The authorization server ISSUER does not accept the "subject" of the grant. Check that the token has not expired,',
    ],
    ["a client", as({}), "Check the client's registration at ISSUER"],
  ])(
    "a refused assertion or token causes one request, and the message names it: %s",
    async (_, grant, text) => {
      const world = await crm(grant, { env, token: refusing("invalid_grant") });
      expect(await messageOf(world, "token_request_rejected")).toContain(
        `Server "crm": the token endpoint of ISSUER rejected the request (400, invalid_grant). ${text}`,
      );
      expect(world.tokenRequests()).toHaveLength(1);
    },
  );

  test("a request with an assertion of the platform is retried with its current token if the server is unavailable", async () => {
    let count = 0;
    const tokens = [jwt({ jti: "1" }), jwt({ jti: "2" }), jwt({ jti: "3" })];
    const { manager, tokenRequests } = await crm(
      (issuer) => ({ ...workload(issuer), assertion: { resolver: "platform", ref: "token" } }),
      {
        token: (request, response) =>
          tokenRequests().length < 3
            ? sendJson(response, { error: "server_error" }, 503)
            : bearer(request, response),
        options: { resolvers: { platform: async () => tokens[count++] ?? "" } },
      },
    );
    await manager.getToken();
    const sent = tokenRequests().map(({ body }) => new URLSearchParams(body).get("assertion"));
    expect(sent).toEqual(tokens);
  });

  test.each([
    ["not a JWT", "canary", "it is not a JWT (three parts separated by dots)."],
    ["an expired JWT", jwt({ exp: 1 }), 'its "exp" is in the past.'],
  ])("no request is sent if the assertion of the platform is %s", async (_, value, text) => {
    const world = await crm(workload, { env: { ASSERTION: value } });
    expect(await messageOf(world, "secret_unavailable")).toContain(text);
    expect(world.tokenRequests()).toEqual([]);
  });
});

describe("an authorization server with faulty DPoP", () => {
  const grant = as({ secret: { env: "SECRET" } });
  const setting = { env: { SECRET: "s3cret" }, server: { dpop: true } };

  test("that answers a proof with a Bearer token causes token_response_invalid", async () => {
    const world = await crm(grant, setting);
    expect(await messageOf(world, "token_response_invalid")).toBe(
      'Server "crm": the response of the token endpoint of ISSUER cannot be used: its "token_type" is Bearer, although the ' +
        "request had a DPoP proof: the token would not be bound to the key. Enable DPoP for this client at the " +
        'authorization server, or remove "dpop" from the server.',
    );
    expect(world.tokenRequests()).toHaveLength(1);
  });

  test.each([
    ["a new nonce each time, and accepts none", true, 2],
    ["no nonce at all", false, 1],
  ])("that sends %s gets a limited number of requests", async (_, gives, requests) => {
    let count = 0;
    const token: Handler = (_request, response) => {
      const headers = gives ? { "dpop-nonce": `n${++count}` } : {};
      sendJson(response, { error: "use_dpop_nonce" }, 400, headers);
    };
    const world = await crm(grant, { ...setting, token });
    expect(await messageOf(world, "token_request_rejected")).toContain(
      "requires a nonce in the DPoP proof, but does not accept",
    );
    expect(world.tokenRequests()).toHaveLength(requests);
  });
});
