import { expect, it } from "vitest";
import type { McpAuthConfig } from "../../../src/config/define-config.js";
import { loadConfig } from "../../../src/config/load.js";
import type { ClientSpec } from "../../../src/config/spec.js";
import { violationsOf, withClient, withCredential, withGrant, withKey } from "./violations-of.js";

const issuer = "https://auth.example";
const secret = { env: "S" };
const certificate = { cert: { file: "c.pem" }, key: { file: "/k.pem" } };
const privateKey = { env: "K" };
const inClient = "/servers/crm/grant/client";

type AnyClient = NonNullable<McpAuthConfig["clients"]>[string];

async function specOf(client: AnyClient, keys: NonNullable<McpAuthConfig["keys"]> = {}): Promise<ClientSpec> {
  const config: McpAuthConfig = {
    keys,
    clients: { acme: client },
    servers: { crm: { url: "https://crm.example", grant: { client: "acme" } } },
  };
  const entry = (await loadConfig({ config, cwd: "/etc/agent", env: {} })).servers.get("crm");
  if (entry === undefined || !("spec" in entry)) throw new Error("expected a server that is ready");
  if (entry.spec.grant.type !== "client_credentials") throw new Error("expected client_credentials");
  return entry.spec.grant.client;
}

it("every credential is built with the settings that say how it is sent", async () => {
  expect(
    await specOf({ issuer, id: "x", secret, method: "client_secret_basic", basicEncoding: "raw" }),
  ).toEqual({
    issuer,
    id: "x",
    credential: { kind: "secret", secret },
    method: "client_secret_basic",
    basicEncoding: "raw",
  });
  const headers = { "CF-Access-Client-Id": "agent", "X-Key": { file: "key" } };
  expect(await specOf({ issuer, id: "x", method: "none", headers })).toEqual({
    issuer,
    id: "x",
    method: "none",
    credential: { kind: "none" },
    headers: { "CF-Access-Client-Id": "agent", "X-Key": { file: "/etc/agent/key" } },
  });
  expect(
    await specOf({ issuer, id: "x", assertion: { file: "jwt" }, assertionType: "urn:x:jwt-spiffe" }),
  ).toEqual({
    issuer,
    id: "x",
    credential: { kind: "assertion", assertion: { file: "/etc/agent/jwt" } },
    assertionType: "urn:x:jwt-spiffe",
  });
  expect(
    await specOf({
      issuer,
      id: "x",
      certificate: { ...certificate, passphrase: { env: "P" } },
      method: "tls_client_auth",
    }),
  ).toEqual({
    issuer,
    id: "x",
    method: "tls_client_auth",
    credential: {
      kind: "certificate",
      certificate: {
        cert: { file: "/etc/agent/c.pem" },
        key: { file: "/k.pem" },
        passphrase: { env: "P" },
      },
    },
  });
  const certificateHeaders = ["x5t", "x5c"] as const;
  const key = { privateKey, certificate: { file: "c.pem" }, certificateHeaders };
  expect(
    await specOf({ issuer, id: "x", key, assertionAudience: "token_endpoint", assertionLifetime: "5m" }),
  ).toEqual({
    issuer,
    id: "x",
    assertionAudience: "token_endpoint",
    assertionLifetime: 300_000,
    credential: {
      kind: "key",
      key: { privateKey, certificate: { file: "/etc/agent/c.pem" }, certificateHeaders },
    },
  });
});

it("signers are built with their defaults and with their settings", async () => {
  const keyOf = async (key: NonNullable<McpAuthConfig["keys"]>[string]) => {
    return (await specOf({ issuer, id: "x", key: "k" }, { k: key })).credential;
  };
  expect(await keyOf({ signer: { exec: ["sign", "${ME}"] }, alg: "ES256" })).toEqual({
    kind: "key",
    key: {
      signer: { exec: ["sign", "${ME}"], cwd: "/etc/agent", timeout: 10_000, format: "raw" },
      alg: "ES256",
    },
  });
  expect(
    await keyOf({
      signer: { exec: ["sign"], timeout: "1s", format: "der" },
      alg: "ES384",
      kid: "1",
      certificate: { env: "C" },
      certificateHeaders: ["x5t"],
    }),
  ).toEqual({
    kind: "key",
    key: {
      signer: { exec: ["sign"], cwd: "/etc/agent", timeout: 1_000, format: "der" },
      alg: "ES384",
      kid: "1",
      certificate: { env: "C" },
      certificateHeaders: ["x5t"],
    },
  });
  expect(await keyOf({ signer: { name: "kms", format: "der" }, alg: "PS256", kid: false })).toEqual({
    kind: "key",
    key: { signer: { name: "kms", format: "der" }, alg: "PS256", kid: false },
  });
});

it("the configured metadata of an authorization server is kept as written", async () => {
  const metadata = {
    tokenEndpoint: "https://auth.example/token?tenant=1",
    mtlsTokenEndpoint: "https://mtls.example/token",
    authMethods: ["private_key_jwt", "tls_client_auth"],
    signingAlgorithms: ["PS256", "Ed25519"],
  } as const;
  expect((await specOf({ issuer, id: "x", secret, metadata })).metadata).toEqual(metadata);
  const { tokenEndpoint } = metadata;
  expect((await specOf({ issuer, id: "x", secret, metadata: { tokenEndpoint } })).metadata).toEqual({
    tokenEndpoint,
  });
});

it.each(["secret", "key", "assertion", "certificate"])(
  "each method for the credential %s is valid, and each other method is one violation",
  async (name) => {
    const methods = {
      client_secret_basic: ["secret"],
      client_secret_post: ["secret"],
      client_secret_jwt: ["secret"],
      private_key_jwt: ["key", "assertion"],
      tls_client_auth: ["certificate"],
      self_signed_tls_client_auth: ["certificate"],
      none: [""],
    };
    const values: Record<string, object> = {
      secret: { secret },
      key: { key: { privateKey } },
      assertion: { assertion: secret },
      certificate: { certificate },
    };
    for (const [method, wanted] of Object.entries(methods)) {
      const lines = await violationsOf(withCredential({ ...values[name], method }));
      expect([method, lines.length]).toEqual([method, wanted.includes(name) ? 0 : 1]);
      if (lines.length > 0) expect(lines[0]).toContain(`${inClient}/method: The method "${method}" `);
    }
  },
);

it.each([
  [
    "a secret and a certificate",
    { secret, certificate },
    "/certificate: A client has one credential, and this one has `secret` and `certificate`.",
  ],
  [
    "a key and an assertion",
    { key: { privateKey }, assertion: secret },
    "/assertion: A client has one credential, and this one has `key` and `assertion`.",
  ],
  [
    "an assertion and a certificate",
    { assertion: secret, certificate },
    "/certificate: A client has one credential, and this one has `assertion` and `certificate`.",
  ],
  [
    "a certificate without its key",
    { certificate: { cert: { file: "c" } } },
    '/certificate: The property "key" is missing.',
  ],
  [
    "a certificate in one string",
    { certificate: "c.pem" },
    '/certificate: Must be a certificate and its key: { "cert": { "file": … }, "key": { "file": … } }, found a string of 5 characters.',
  ],
  [
    "an encoding without a secret",
    { basicEncoding: "raw" },
    "/basicEncoding: `basicEncoding` is for the method client_secret_basic, with a `secret`.",
  ],
  [
    "an encoding for another method",
    { secret, method: "client_secret_post", basicEncoding: "form" },
    "/basicEncoding: `basicEncoding` is for the method client_secret_basic, with a `secret`.",
  ],
  [
    "an unknown encoding",
    { secret, basicEncoding: "Raw" },
    '/basicEncoding: Must be one of "form", "raw", found "Raw". Did you mean "raw"?',
  ],
  [
    "an audience for the platform's assertion",
    { assertion: secret, assertionAudience: "issuer" },
    "/assertionAudience: `assertionAudience` is for assertions signed here: with a `key`, or a `secret` and client_secret_jwt.",
  ],
  [
    "an assertion audience with client_secret_basic",
    { secret, method: "client_secret_basic", assertionAudience: "issuer" },
    "/assertionAudience: `assertionAudience` is for assertions signed here: with a `key`, or a `secret` and client_secret_jwt.",
  ],
  [
    "an assertion lifetime for the platform's assertion",
    { assertion: secret, assertionLifetime: "2m" },
    "/assertionLifetime: `assertionLifetime` is for assertions signed here: with a `key`, or a `secret` and client_secret_jwt.",
  ],
  [
    "an assertion lifetime with client_secret_post",
    { secret, method: "client_secret_post", assertionLifetime: "2m" },
    "/assertionLifetime: `assertionLifetime` is for assertions signed here: with a `key`, or a `secret` and client_secret_jwt.",
  ],
  [
    "an assertion lifetime of a fraction of a second",
    { key: { privateKey }, assertionLifetime: "999ms" },
    "/assertionLifetime: An assertion must be valid for at least one second, 1s.",
  ],
  [
    "an assertion lifetime of more than an hour",
    { key: { privateKey }, assertionLifetime: "61m" },
    "/assertionLifetime: An assertion can be valid for at most one hour, 1h.",
  ],
  [
    "an assertion lifetime in seconds",
    { key: { privateKey }, assertionLifetime: 60 },
    '/assertionLifetime: Must be a duration longer than zero, such as "500ms", "30s", "5m" or "1h", found 60.',
  ],
  [
    "an assertion type without an assertion",
    { certificate, assertionType: "JWT" },
    "/assertionType: `assertionType` is for assertions: with a `key`, an `assertion`, or a `secret` and client_secret_jwt.",
  ],
  [
    "a header Authorization",
    { secret, headers: { authorization: "x" } },
    "/headers/authorization: The header Authorization is set by this package. It has the credential of the client: its `secret`, `key`, `assertion` or `certificate`.",
  ],
  [
    "a header DPoP",
    { secret, headers: { dpop: { env: "P" } } },
    "/headers/dpop: The header DPoP is set by this package. Set `dpop` of the server.",
  ],
  [
    "a header Content-Type",
    { secret, headers: { "Content-Type": "application/json" } },
    "/headers/Content-Type: The header Content-Type is set by this package. Remove it: token requests are form-urlencoded.",
  ],
  [
    "a header of the connection",
    { secret, headers: { Host: "auth.example" } },
    "/headers/Host: This header cannot be set: it belongs to the connection.",
  ],
  [
    "a header twice",
    { secret, headers: { "X-A": "1", "x-a": { env: "A" } } },
    "/headers/x-a: This header is defined twice. Header names are not case-sensitive.",
  ],
  [
    "a header with a number",
    { secret, headers: { "x-a": 12345 } },
    '/headers/x-a: Must be a string or a reference, such as { "env": "NAME" } or { "file": "path" }, found a number. Write it in quotes.',
  ],
  ["headers in a list", { secret, headers: ["x-a: 1"] }, "/headers: Must be an object, found a list."],
  [
    "a metadata endpoint that is a path",
    { secret, metadata: { tokenEndpoint: "/token" } },
    "/metadata/tokenEndpoint: Must be an absolute URL that starts with https:// (or http:// on loopback), found a string of 6 characters.",
  ],
  [
    "a metadata endpoint with a password",
    { secret, metadata: { tokenEndpoint: "https://u:p@a.example/" } },
    "/metadata/tokenEndpoint: A URL here must not have a user name or password. Credentials belong in the `client` of the grant.",
  ],
  [
    "metadata over http",
    { secret, metadata: { tokenEndpoint: issuer, mtlsTokenEndpoint: "http://a.example/" } },
    "/metadata/mtlsTokenEndpoint: Must be https: plain http is only for loopback. Write https://.",
  ],
  [
    "metadata without a token endpoint",
    { secret, metadata: {} },
    '/metadata: The property "tokenEndpoint" is missing.',
  ],
])("one violation is reported for %s", async (_what, credential, expected) => {
  expect(await violationsOf(withCredential(credential))).toEqual([`${inClient}${expected}`]);
});

it("a misspelled credential or section causes no further violations", async () => {
  const method = "client_secret_basic";
  expect(await violationsOf(withCredential({ seret: secret, method, basicEncoding: "raw" }))).toEqual([
    `${inClient}/seret: Unknown property "seret". Did you mean "secret"?`,
  ]);
  const named = { ...withGrant({ client: "acme" }), clints: { acme: {} } };
  expect(await violationsOf(named)).toEqual(['/clints: Unknown property "clints". Did you mean "clients"?']);
});

it("a client secret without a method is valid, because the server's metadata decides the method", async () => {
  const client = {
    secret,
    assertionAudience: "token_endpoint",
    assertionLifetime: "1h",
    assertionType: "JWT",
    basicEncoding: "raw",
  };
  expect(await violationsOf(withCredential(client))).toEqual([]);
  expect(await violationsOf(withCredential({ ...client, method: "${METHOD}" }))).toHaveLength(1);
});

it.each([
  [
    "neither a private key nor a signer",
    { alg: "ES256" },
    ': The property "privateKey" is missing. A key that never leaves a KMS or HSM has a `signer` instead.',
  ],
  [
    "a private key and a signer",
    { privateKey, signer: { name: "kms" }, alg: "ES256" },
    "/privateKey: A key has a `privateKey` or a `signer`, not both.",
  ],
  [
    "a passphrase for a signer",
    { signer: { name: "kms" }, alg: "ES256", passphrase: secret },
    "/passphrase: A `passphrase` belongs to a `privateKey`, and this key has a `signer`.",
  ],
  [
    "a signer without an algorithm",
    { signer: { name: "kms" } },
    ': The property "alg" is missing. A `signer` does not say which algorithm it signs with.',
  ],
  [
    "a signer that is a command and a function",
    { signer: { name: "kms", exec: ["x"] }, alg: "ES256" },
    "/signer: A signer is a command, `exec`, or a function, `name`, not both. Keep one of the two.",
  ],
  [
    "a signer that is neither a command nor a function",
    { signer: { format: "der" }, alg: "ES256" },
    '/signer: Must be { "exec": ["cmd", "arg"] } or { "name": "kms" }, found an object.',
  ],
  [
    "a signer that is only a name",
    { signer: "kms", alg: "ES256" },
    '/signer: Must be { "exec": ["cmd", "arg"] } or { "name": "kms" }, found a string of 3 characters.',
  ],
  [
    "a timeout for a function",
    { signer: { name: "kms", timeout: "1s" }, alg: "ES256" },
    "/signer/timeout: A `timeout` can be used only with `exec`.",
  ],
  [
    "a misspelled signer",
    { singer: { name: "kms" }, alg: "ES256" },
    '/singer: Unknown property "singer". Did you mean "signer"?',
  ],
  [
    "certificate headers without a certificate",
    { privateKey, certificateHeaders: ["x5c"] },
    ': The property "certificate" is missing. `certificateHeaders` says how the `certificate` of the key is sent.',
  ],
  [
    "certificate headers and a misspelled certificate",
    { privateKey, certifcate: secret, certificateHeaders: ["x5c"] },
    '/certifcate: Unknown property "certifcate". Did you mean "certificate"?',
  ],
  [
    "certificate headers for a signer without a certificate",
    { signer: { name: "kms" }, alg: "ES256", certificateHeaders: ["x5t"] },
    ': The property "certificate" is missing. `certificateHeaders` says how the `certificate` of the key is sent.',
  ],
  [
    "one certificate header outside of a list",
    { privateKey, certificate: secret, certificateHeaders: "x5t" },
    '/certificateHeaders: Must be a list, found a string of 3 characters. Write a list, with each value as a separate item: ["first", "second"].',
  ],
  [
    "no certificate header",
    { privateKey, certificate: secret, certificateHeaders: [] },
    "/certificateHeaders: Must not be empty. Omit it instead.",
  ],
  [
    "a certificate header twice",
    { privateKey, certificate: secret, certificateHeaders: ["x5c", "x5c"] },
    "/certificateHeaders/1: This is in the list twice. Keep one of them.",
  ],
  [
    "a misspelled certificate header",
    { privateKey, certificate: secret, certificateHeaders: ["x5t#S265"] },
    '/certificateHeaders/0: Must be one of "x5t#S256", "x5t", "x5c", found "x5t#S265". Did you mean "x5t#S256"?',
  ],
  [
    "a certificate in place of a certificate header",
    { privateKey, certificate: secret, certificateHeaders: ["-----BEGIN CERTIFICATE-----"] },
    '/certificateHeaders/0: Must be one of "x5t#S256", "x5t", "x5c", found a string of 27 characters.',
  ],
  [
    "an algorithm in lower case",
    { privateKey, alg: "es256" },
    '/alg: Must be one of "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", found "es256". Did you mean "ES256"?',
  ],
  [
    "an algorithm that signs with a secret",
    { privateKey, alg: "HS256" },
    '/alg: Must be one of "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", found "HS256". This algorithm signs with a secret: give the client a `secret`, and the method client_secret_jwt.',
  ],
  [
    "an algorithm that this package does not support",
    { privateKey, alg: "ES256K" },
    '/alg: Must be one of "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519", found "ES256K".',
  ],
])("a key with %s is one violation", async (_what, key, expected) => {
  expect(await violationsOf(withKey(key))).toEqual([`${inClient}/key${expected}`]);
});

const document =
  "A client id that starts with https:// is the URL of a client id metadata document, which must";
it.each([
  ["https://agent.example", `${document} have a path. For example https://agent.example/client.json.`],
  ["https://agent.example/", `${document} have a path. For example https://agent.example/client.json.`],
  ["https://agent.example/c.json#", `${document} not have a fragment.`],
  ["https://me@agent.example/c.json", `${document} not have a user name or password.`],
  ["https://agent.example/a/../c.json", `${document} not have the segments . or .. in its path.`],
  ["https://agent.example/%2E/c.json", `${document} not have the segments . or .. in its path.`],
  ["https://agent.example:99999/c.json", `${document} be a valid URL.`],
])("the client id %s is one violation", async (id, expected) => {
  expect(await violationsOf(withClient({ id }))).toEqual([`${inClient}/id: ${expected}`]);
});

it("a client id that is no URL of a metadata document, or has a query, is valid", async () => {
  for (const id of [
    "https://agent.example/client.json?v=1",
    "https://agent.example/.well-known/c",
    "http://x",
    "spiffe://a/b",
    "a#b",
  ]) {
    expect(await violationsOf(withClient({ id }))).toEqual([]);
  }
});

it("only a client without a credential in a jwt_bearer or token_exchange grant can omit its id", async () => {
  const bearer = (client: unknown) => withGrant({ type: "jwt_bearer", client, assertion: secret });
  expect(await violationsOf(bearer({ issuer }))).toEqual([]);
  expect(await violationsOf(bearer({ issuer, secret }))).toEqual([
    `${inClient}: The property "id" is missing. Only a client without a credential can omit it.`,
  ]);
  expect(await violationsOf(withGrant({ client: { issuer } }))).toEqual([
    `${inClient}: The property "id" is missing.`,
  ]);
  expect(await violationsOf({ ...bearer("wif"), clients: { wif: { issuer } } })).toEqual([
    '/clients/wif: The property "id" is missing. Only a client inside of a jwt_bearer or token_exchange grant can omit it.',
  ]);
});

const [auth, other] = ["https://auth.example", "https://other.example"];
const keySource = { file: "agent.pem" };
const atEndpoint = (more: object) => ({
  issuer: auth,
  id: "a",
  assertionAudience: "token_endpoint",
  ...more,
});
const sharedBy = (what: string, hint: string) =>
  `Must not be token_endpoint: this ${what} is used at several issuers, and one could name the endpoint of another. ${hint}.`;
const sharedKey = sharedBy(
  "key",
  "Use another key for each issuer, or write the URL that the server expects",
);
const crmWith = (grant: object) => ({ url: "https://crm.example", grant });

it.each([
  [
    "a named key at two issuers",
    {
      keys: { agent: { privateKey: keySource } },
      clients: { a: atEndpoint({ key: "agent" }), b: { issuer: other, id: "b", key: "agent" } },
      servers: {},
    },
    [`/clients/a/assertionAudience: ${sharedKey}`],
  ],
  [
    "two names for one key",
    {
      keys: { one: { privateKey: keySource }, two: { privateKey: keySource, kid: false } },
      clients: { a: atEndpoint({ key: "one" }), b: atEndpoint({ issuer: other, key: "two" }) },
      servers: {},
    },
    [`/clients/a/assertionAudience: ${sharedKey}`, `/clients/b/assertionAudience: ${sharedKey}`],
  ],
  [
    "an inline key that the identity provider's client has too",
    {
      servers: {
        crm: crmWith({
          type: "enterprise_managed",
          client: { issuer: other, id: "b", key: { signer: { name: "kms" }, alg: "ES256" } },
          idp: {
            client: atEndpoint({ key: { signer: { name: "kms" }, alg: "ES256" } }),
            subject: { token: secret },
          },
        }),
      },
    },
    [`/servers/crm/grant/idp/client/assertionAudience: ${sharedKey}`],
  ],
  [
    "a key that signs the assertion of a grant for another issuer",
    {
      clients: { b: { issuer: other, id: "b" } },
      servers: {
        crm: crmWith({
          type: "jwt_bearer",
          client: "b",
          assertion: {
            key: { privateKey: keySource },
            issuer: "i",
            subject: "s",
            audience: "token_endpoint",
          },
        }),
        other: crmWith({ client: { issuer: auth, id: "a", key: { privateKey: keySource } } }),
      },
    },
    [`/servers/crm/grant/assertion/audience: ${sharedKey}`],
  ],
  [
    "the URL of a client id metadata document at two issuers",
    {
      clients: {
        a: atEndpoint({ id: "https://agent.example/c.json", key: { privateKey: { env: "A" } } }),
        b: { issuer: other, id: "https://agent.example/c.json", key: { privateKey: { env: "B" } } },
      },
      servers: {},
    },
    [`/clients/a/assertionAudience: ${sharedBy("client id", "Write the URL that the server expects")}`],
  ],
  [
    "a key at one issuer, for two clients",
    {
      keys: { agent: { privateKey: keySource } },
      clients: { a: atEndpoint({ key: "agent" }), b: atEndpoint({ id: "b", key: "agent" }) },
      servers: { crm: crmWith({ client: atEndpoint({ id: "c", key: "agent" }) }) },
    },
    [],
  ],
  [
    "a key at two issuers whose audience is written out",
    {
      keys: { agent: { privateKey: keySource } },
      clients: {
        a: atEndpoint({ key: "agent", assertionAudience: "https://auth.example/token" }),
        b: { issuer: other, id: "b", key: "agent" },
      },
      servers: {},
    },
    [],
  ],
  [
    "the same secret and the same plain client id at two issuers",
    {
      clients: {
        a: atEndpoint({ secret, method: "client_secret_jwt" }),
        b: { issuer: other, id: "a", secret, method: "client_secret_jwt" },
      },
      servers: {},
    },
    [],
  ],
])("the audience token_endpoint with %s is one violation for each place", async (_what, config, expected) => {
  expect(await violationsOf(config)).toEqual(expected);
});

it("servers that name the same client and inherit the defaults share what is built for them", async () => {
  const config: McpAuthConfig = {
    defaults: { retry: { attempts: 2 }, refresh: { idle: "1h" } },
    clients: { acme: { issuer, id: "x", certificate } },
    servers: {
      a: { url: "https://a.example", grant: { client: "acme" } },
      b: { url: "https://b.example", grant: { type: "client_credentials", client: "acme" } },
      c: { url: "https://c.example", grant: { client: { issuer, id: "x" } }, retry: { attempts: 1 } },
    },
  };
  const { servers } = await loadConfig({ config, cwd: "/etc/agent", env: {} });
  const [a, b, c] = [...servers.values()].map((entry) =>
    "spec" in entry && entry.spec.grant.type === "client_credentials"
      ? { client: entry.spec.grant.client, retry: entry.spec.retry, refresh: entry.spec.refresh }
      : expect.unreachable(),
  );
  expect(
    [b?.client, b?.retry, b?.refresh].map((part, index) => part === [a?.client, a?.retry, a?.refresh][index]),
  ).toEqual([true, true, true]);
  expect(c).toMatchObject({
    client: { credential: { kind: "none" } },
    retry: { attempts: 1, min: 250 },
    refresh: { idle: 3_600_000 },
  });
});

it("a server that is first built after a reload has the key and client objects of those built before", async () => {
  const servers = {
    a: { url: "https://a.example", grant: { client: "acme" } },
    b: { url: "https://b.example", grant: { client: "acme" }, dpop: { key: "agent" } },
  };
  const config = (key: object, client: object = {}): McpAuthConfig => ({
    keys: { agent: { privateKey, ...key } },
    clients: { acme: { issuer, id: "x", key: "agent", ...client } },
    servers,
  });
  const load = async (source: McpAuthConfig, cwd = "/etc/agent") =>
    (await loadConfig({ config: source, cwd, env: {} })).servers;
  type Servers = Awaited<ReturnType<typeof load>>;
  const partsOf = (loaded: Servers, name: string) => {
    const entry = loaded.get(name);
    if (entry === undefined || !("spec" in entry) || entry.spec.grant.type !== "client_credentials")
      return expect.unreachable();
    const { client } = entry.spec.grant;
    return { client, key: client.credential.kind === "key" ? client.credential.key : undefined };
  };
  const first = await load(config({}));
  const before = partsOf(first, "a");

  // Two reloads, of which the first builds nothing.
  const second = await load(config({}));
  second.succeed(first);
  const third = await load(config({}));
  third.succeed(second);
  expect(partsOf(third, "b").client).toBe(before.client);
  expect(partsOf(third, "b").key).toBe(before.key);

  const otherClient = await load(config({}, { id: "y" }));
  otherClient.succeed(first);
  expect(partsOf(otherClient, "b").client).not.toBe(before.client);
  expect(partsOf(otherClient, "b").key).toBe(before.key);

  const otherKey = await load(config({ alg: "ES256" }));
  otherKey.succeed(first);
  expect(partsOf(otherKey, "b").key).toMatchObject({ alg: "ES256" });
  expect(partsOf(otherKey, "b").client.credential).toMatchObject({ key: { alg: "ES256" } });

  const otherFolder = await load(config({}), "/etc/other");
  otherFolder.succeed(first);
  expect(partsOf(otherFolder, "b").key).not.toBe(before.key);
});

it("an issuer of Entra ID that stands for many tenants is one violation, except with the client's own metadata", async () => {
  for (const tenant of ["common", "organizations", "consumers"]) {
    const shared = { issuer: `https://login.microsoftonline.com/${tenant}/v2.0`, id: "x", secret };
    expect(await violationsOf(withClient(shared))).toEqual([
      `${inClient}/issuer: "${tenant}" stands for many tenants, and a token is issued by one. ` +
        "Write the ID of your tenant in its place.",
    ]);
    const metadata = { tokenEndpoint: "https://login.microsoftonline.com/8e7a/oauth2/v2.0/token" };
    expect(await violationsOf(withClient({ ...shared, metadata }))).toEqual([]);
  }
  expect(
    await violationsOf(withClient({ issuer: "https://auth.example/common/v2.0", id: "x", secret })),
  ).toEqual([]);
});
