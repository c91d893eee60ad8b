import { expect, expectTypeOf, it } from "vitest";
import {
  defineConfig,
  type McpAuthConfig,
  type McpAuthConfigWithImport,
} from "../../../src/config/define-config.js";
import type { OneCredential, OneSigner, SecretReference } from "../../../src/config/exclusive-types.js";
import type { Client, Key, Server } from "../../../src/config/generated/types.js";
import { createMcpAuth } from "../../../src/index.js";

const issuer = "https://auth.example";
const secret = { env: "S" };
const url = "https://a.example";

it("defineConfig returns its argument, with the names of the servers in the type", () => {
  const config = { servers: { crm: { url, grant: { client: { issuer, id: "x", secret } } } } };
  const defined = defineConfig(config);
  expect(defined).toBe(config);
  expectTypeOf(defined).toEqualTypeOf<McpAuthConfig<"crm">>();
  expectTypeOf(defined).toExtend<McpAuthConfig>();
});

it("a server without `url` compiles only in a config with `import`", () => {
  const grant = { client: { issuer, id: "x", secret } };
  const defined = defineConfig({ import: "./.mcp.json", servers: { a: { grant }, b: { url, grant } } });
  expectTypeOf(defined).toEqualTypeOf<McpAuthConfigWithImport<"a" | "b">>();
  expectTypeOf<McpAuthConfig["servers"][string]["url"]>().toEqualTypeOf<string>();
  const wrong = [
    // @ts-expect-error neither `url` nor `import`
    defineConfig({ servers: { a: { grant } } }),
    // @ts-expect-error an unknown property of a server, with `import`
    defineConfig({ import: "./.mcp.json", servers: { a: { grant, oauth: true } } }),
    // @ts-expect-error an import is the path of one file
    defineConfig({ import: ["./.mcp.json"], servers: { a: { grant } } }),
  ];
  const names: (name: "a" | "b") => unknown = (name) => {
    // The names are known, whichever form the config has.
    return async () => (await createMcpAuth({ config: defined })).resolve(name);
  };
  expect([wrong.length, names("a")]).toEqual([3, expect.any(Function)]);
});

it("each valid variant of a config compiles", () => {
  const key = { privateKey: { file: "k.pem" } };
  const config: McpAuthConfig = {
    version: 1,
    store: { type: "memory" },
    servers: {
      a: { url, grant: { client: "named", scopes: ["x"] } },
      b: {
        url,
        grant: { type: "client_credentials", client: { issuer, id: "x", key, method: "private_key_jwt" } },
      },
      c: {
        url,
        grant: { client: { issuer, id: "x", key: { ...key, kid: false, alg: "Ed25519" } } },
        refresh: false,
      },
      d: { url, grant: { type: "static", token: { env: "T" } }, refresh: { schedule: "0 * * * *" } },
      e: {
        url,
        grant: { client: { issuer, id: "x", method: "none" } },
        headers: { a: "b", c: { file: "d" } },
      },
    },
  };
  expect(Object.keys(config.servers)).toHaveLength(5);
});

it("each valid credential, key, reference and grant compiles", () => {
  const certificate = { cert: { file: "c.pem" }, key: { file: "k.pem" }, passphrase: { env: "P" } };
  const clients = {
    basic: { issuer, id: "x", secret, basicEncoding: "raw" },
    hmac: { issuer, id: "x", secret, method: "client_secret_jwt", assertionAudience: "token_endpoint" },
    kms: { issuer, id: "x", key: { signer: { exec: ["sign"], format: "der" }, alg: "PS256" } },
    code: {
      issuer,
      id: "x",
      key: { signer: { name: "kms" }, alg: "ES256" },
      assertionType: "JWT",
      assertionLifetime: "5m",
    },
    pod: { issuer, id: "x", assertion: { file: "t" }, method: "private_key_jwt" },
    tls: { issuer, id: "x", certificate, method: "self_signed_tls_client_auth" },
    own: {
      issuer,
      id: "https://agent.example/client.json",
      key: {
        privateKey: { resolver: "aws", ref: "k", pointer: "/key" },
        certificate: { file: "c" },
        certificateHeaders: ["x5t", "x5c"],
      },
      metadata: { tokenEndpoint: issuer, authMethods: ["private_key_jwt"], signingAlgorithms: ["ES256"] },
    },
  } as const satisfies McpAuthConfig["clients"];
  const subject = { token: { runtime: true }, type: "id_token" } as const;
  const grants: Record<string, Server["grant"]> = {
    wif: { type: "jwt_bearer", client: { issuer }, assertion: { githubActions: { audience: "a" } } },
    gcp: { type: "jwt_bearer", client: { issuer }, assertion: { gcp: { audience: "a" } } },
    azure: { type: "static", token: { azure: { resource: "a", clientId: "b" } } },
    aws: { type: "jwt_bearer", client: { issuer }, assertion: { aws: { audience: "a" } } },
    signed: {
      type: "jwt_bearer",
      client: "basic",
      assertion: { key: "k", issuer: "a", subject: "b", audience: "c", lifetime: "1h", claims: { d: [1] } },
    },
    exchange: { type: "token_exchange", client: "tls", subject, actor: { token: { exec: ["x"] } } },
    typed: { type: "token_exchange", client: "tls", subject, requestedType: "urn:x:y" },
    databricks: {
      type: "token_exchange",
      client: { issuer },
      params: { subject_token: { file: "t" }, subject_token_type: "urn:x:y", more: "z" },
    },
    anonymous: { type: "token_exchange", client: { issuer }, subject },
    user: { type: "jwt_bearer", client: "basic", assertion: { runtime: true } },
    idjag: { type: "enterprise_managed", client: "pod", idp: { client: "kms", subject } },
    zoom: {
      type: "extension",
      client: "basic",
      grantType: "account_credentials",
      params: { account_id: "a", assertion: secret },
    },
    google: {
      type: "jwt_bearer",
      client: { issuer },
      assertion: { key: "k", issuer: "a", subject: "a", claims: { target_audience: url } },
      use: "id_token",
    },
    common: {
      client: "code",
      use: "access_token",
      scopes: [],
      resource: false,
      audience: ["a", "b"],
      params: { c: "d", e: { env: "F" } },
    },
  };
  const config: McpAuthConfig = {
    clients,
    network: { proxy: false, ca: ["a.pem"], allowInsecureHttp: ["auth.internal"] },
    servers: { a: { url, grant: { client: "own" }, stepUp: ["x"], dpop: { key: "k" } } },
  };
  expect(Object.keys({ ...config.clients, ...grants })).toHaveLength(21);
});

it("an invalid variant of a config does not compile", () => {
  const withGrant = (grant: Server["grant"]) => defineConfig({ servers: { a: { url, grant } } });
  const withClient = (client: OneCredential<Client>) => withGrant({ client });
  const key = { privateKey: { env: "K" } };
  // The type check of the tests fails where one of them compiles.
  const wrong = [
    // @ts-expect-error no grant
    defineConfig({ servers: { a: { url } } }),
    // @ts-expect-error unknown property
    defineConfig({ servers: { a: { url, grant: { client: "x" }, oauth: true } } }),
    // @ts-expect-error unknown property at the top
    defineConfig({ servers: {}, plugins: {} }),
    // @ts-expect-error an unknown version
    defineConfig({ version: 2, servers: {} }),
    // @ts-expect-error an unknown type of store
    defineConfig({ store: { type: "redis" }, servers: {} }),
    // @ts-expect-error refresh is false or an object
    defineConfig({ servers: { a: { url, grant: { client: "x" }, refresh: true } } }),
    // @ts-expect-error a duration is a string
    defineConfig({ servers: { a: { url, grant: { client: "x" }, timeout: 10 } } }),
    // @ts-expect-error an invalid property deep inside a config
    defineConfig({ servers: { a: { url, grant: { client: { issuer, id: "x", secret, key } } } } }),
    // @ts-expect-error both credentials
    withClient({ issuer, id: "x", secret, key: "k" }),
    // @ts-expect-error a method that needs a key
    withClient({ issuer, id: "x", secret, method: "private_key_jwt" }),
    // @ts-expect-error a method that needs a secret
    withClient({ issuer, id: "x", key, method: "client_secret_post" }),
    // @ts-expect-error a method that needs a credential
    withClient({ issuer, id: "x", method: "client_secret_basic" }),
    // @ts-expect-error a client without an issuer
    withClient({ id: "x", secret }),
    // @ts-expect-error a literal secret
    withClient({ issuer, id: "x", secret: "literal" }),
    // @ts-expect-error a reference with two sources
    withClient({ issuer, id: "x", secret: { env: "A", file: "b" } }),
    // @ts-expect-error a static grant with a client
    withGrant({ type: "static", token: secret, client: "x" }),
    // @ts-expect-error a static grant without a token
    withGrant({ type: "static" }),
    // @ts-expect-error a static token without the type of the grant
    withGrant({ token: secret }),
    // @ts-expect-error a refresh token without the type of the grant
    withGrant({ client: "x", refreshToken: secret }),
    // @ts-expect-error dpop is true or a key
    defineConfig({ servers: { a: { url, grant: { client: "x" }, dpop: false } } }),
    // @ts-expect-error a proxy is a URL or false
    defineConfig({ servers: {}, network: { proxy: true } }),
  ];
  expect(wrong).toHaveLength(21);
});

it("an invalid credential, key or reference does not compile", () => {
  const withClient = (client: OneCredential<Client>) => client;
  const withKey = (key: OneSigner<Key>) => key;
  const withReference = (reference: SecretReference) => reference;
  const certificate = { cert: { file: "c.pem" }, key: { file: "k.pem" } };
  const privateKey = { env: "K" };
  const wrong = [
    // @ts-expect-error no id
    withClient({ issuer, secret }),
    // @ts-expect-error a secret and an assertion
    withClient({ issuer, id: "x", secret, assertion: secret }),
    // @ts-expect-error a key and a certificate
    withClient({ issuer, id: "x", key: "k", certificate }),
    // @ts-expect-error an assertion and a certificate
    withClient({ issuer, id: "x", assertion: secret, certificate }),
    // @ts-expect-error a method that needs a certificate
    withClient({ issuer, id: "x", secret, method: "tls_client_auth" }),
    // @ts-expect-error a method that signs
    withClient({ issuer, id: "x", certificate, method: "private_key_jwt" }),
    // @ts-expect-error an encoding without client_secret_basic
    withClient({ issuer, id: "x", secret, method: "client_secret_post", basicEncoding: "raw" }),
    // @ts-expect-error an encoding without a secret
    withClient({ issuer, id: "x", key: "k", basicEncoding: "raw" }),
    // @ts-expect-error an assertion audience without an assertion
    withClient({ issuer, id: "x", certificate, assertionAudience: "issuer" }),
    // @ts-expect-error an assertion audience for an assertion of the platform
    withClient({ issuer, id: "x", assertion: secret, assertionAudience: "issuer" }),
    // @ts-expect-error a lifetime of assertions that the platform signs
    withClient({ issuer, id: "x", assertion: secret, assertionLifetime: "2m" }),
    // @ts-expect-error a certificate without its key
    withClient({ issuer, id: "x", certificate: { cert: { file: "c.pem" } } }),
    // @ts-expect-error metadata without a token endpoint
    withClient({ issuer, id: "x", secret, metadata: {} }),
    // @ts-expect-error neither a private key nor a signer
    withKey({ alg: "ES256" }),
    // @ts-expect-error a private key and a signer
    withKey({ privateKey, signer: { name: "kms" }, alg: "ES256" }),
    // @ts-expect-error a signer without an algorithm
    withKey({ signer: { name: "kms" } }),
    // @ts-expect-error a signer with a passphrase
    withKey({ signer: { name: "kms" }, alg: "ES256", passphrase: secret }),
    // @ts-expect-error a signer that is a command and a function
    withKey({ signer: { name: "kms", exec: ["x"] }, alg: "ES256" }),
    // @ts-expect-error a signer that is neither a command nor a function
    withKey({ signer: { format: "der" }, alg: "ES256" }),
    // @ts-expect-error headers of a certificate that the key does not have
    withKey({ privateKey, certificateHeaders: ["x5c"] }),
    // @ts-expect-error an unknown algorithm
    withKey({ privateKey, alg: "HS256" }),
    // @ts-expect-error a pointer that is no string
    withReference({ env: "S", pointer: ["a"] }),
    // @ts-expect-error a pointer into the ID token of a job
    withReference({ githubActions: {}, pointer: "/a" }),
    // @ts-expect-error a pointer into a token of Google Cloud
    withReference({ gcp: { audience: "a" }, pointer: "/a" }),
    // @ts-expect-error two platforms
    withReference({ gcp: { audience: "a" }, aws: { audience: "a" } }),
    // @ts-expect-error Azure without a resource
    withReference({ azure: {} }),
    // @ts-expect-error a resolver without a ref
    withReference({ resolver: "aws" }),
    // @ts-expect-error a command in one string
    withReference({ exec: "op read x" }),
    // @ts-expect-error a timeout for a file
    withReference({ file: "x", timeout: "1s" }),
    // @ts-expect-error a run-time token in place of a secret
    withReference({ runtime: true }),
  ];
  expect(wrong).toHaveLength(30);
});

it("a property of another grant, or a missing required property, does not compile", () => {
  const withGrant = (grant: Server["grant"]) => grant;
  const subject = { token: { env: "T" } };
  const wrong = [
    // @ts-expect-error a subject without the type of the grant
    withGrant({ client: "x", subject }),
    // @ts-expect-error a subject under client_credentials
    withGrant({ type: "client_credentials", client: "x", subject }),
    // @ts-expect-error an assertion under client_credentials
    withGrant({ type: "client_credentials", client: "x", assertion: secret }),
    // @ts-expect-error a token under jwt_bearer
    withGrant({ type: "jwt_bearer", client: "x", assertion: secret, token: secret }),
    // @ts-expect-error jwt_bearer without an assertion
    withGrant({ type: "jwt_bearer", client: "x" }),
    // @ts-expect-error a secret without a client id
    withGrant({ type: "jwt_bearer", client: { issuer, secret }, assertion: secret }),
    // @ts-expect-error a signed assertion without a key
    withGrant({ type: "jwt_bearer", client: { issuer }, assertion: { issuer: "a", subject: "b" } }),
    // @ts-expect-error token_exchange without a subject
    withGrant({ type: "token_exchange", client: "x" }),
    // @ts-expect-error token_exchange with an identity provider
    withGrant({ type: "token_exchange", client: "x", subject, idp: { client: "y", subject } }),
    // @ts-expect-error a secret without a client id
    withGrant({ type: "token_exchange", client: { issuer, secret }, subject }),
    // @ts-expect-error a subject and its parameters without the type of the token
    withGrant({ type: "token_exchange", client: "x", params: { subject_token: secret } }),
    // @ts-expect-error a literal subject token
    withGrant({
      type: "token_exchange",
      client: "x",
      params: { subject_token: "literal", subject_token_type: "urn:x:y" },
    }),
    // @ts-expect-error a run-time assertion that is false
    withGrant({ type: "jwt_bearer", client: "x", assertion: { runtime: false } }),
    // @ts-expect-error a run-time actor
    withGrant({ type: "token_exchange", client: "x", subject, actor: { token: { runtime: true } } }),
    // @ts-expect-error a run-time subject that is false
    withGrant({ type: "token_exchange", client: "x", subject: { token: { runtime: false } } }),
    // @ts-expect-error the subject next to `idp`
    withGrant({ type: "enterprise_managed", client: "x", idp: { client: "y" }, subject }),
    // @ts-expect-error an unknown use
    withGrant({ client: "x", use: "refresh_token" }),
    // @ts-expect-error a use of a static token
    withGrant({ type: "static", token: secret, use: "id_token" }),
    // @ts-expect-error an extension without its grant type
    withGrant({ type: "extension", client: "x", params: {} }),
    // @ts-expect-error an extension without parameters
    withGrant({ type: "extension", client: "x", grantType: "y" }),
    // @ts-expect-error a grant type without the type of the grant
    withGrant({ client: "x", grantType: "y", params: {} }),
    // @ts-expect-error a resource that is true
    withGrant({ client: "x", resource: true }),
    // @ts-expect-error an audience for a static token
    withGrant({ type: "static", token: secret, audience: "x" }),
    // @ts-expect-error a parameter that is a number
    withGrant({ client: "x", params: { a: 1 } }),
  ];
  expect(wrong).toHaveLength(24);
});
