// The key of a token in the store. A URL on loopback is another server on each machine.
import { expect, test } from "vitest";
import type { McpAuthConfig } from "../../../src/config/define-config.js";
import { loadConfig } from "../../../src/config/load.js";
import { systemClock } from "../../../src/lib/clock.js";
import { Secret } from "../../../src/lib/secret.js";
import { createAttempt, type ManagerSubject } from "../../../src/oauth/attempt.js";
import { CredentialMemory } from "../../../src/secrets/credential-memory.js";
import { CredentialRecorder } from "../../../src/secrets/credential-recorder.js";
import { tokenEntryKey } from "../../../src/sharing/entry-key.js";
import { isEntryName } from "../../../src/stores/store-names.js";
import { fakeHostname } from "../../support/fake-hostname.js";
import { oauthRuntime, unsignedJwt } from "../oauth/fixtures.js";

async function keyOn(
  name: string,
  server: object,
  env: Readonly<Record<string, string>> = { T: "t" },
  { trust = "default", user }: { readonly trust?: string; readonly user?: ManagerSubject } = {},
): Promise<string | undefined> {
  const crm: object = { url: "https://crm.example/mcp", ...server };
  // Built from parts.
  const config = { servers: { crm } } as McpAuthConfig;
  const { servers } = await loadConfig({ config, cwd: "/project", env: {} });
  const entry = servers.get("crm");
  if (entry === undefined || !("spec" in entry)) return expect.unreachable();
  fakeHostname(name);
  const recorder = new CredentialRecorder(systemClock, new CredentialMemory(), {});
  const { signal } = new AbortController();
  const manager = { subject: user };
  const attempt = createAttempt(oauthRuntime({ env }), { spec: entry.spec, manager, signal });
  return await tokenEntryKey(attempt, recorder, async () => trust);
}

const secret = { env: "SECRET" };
const client = { issuer: "https://auth.example", id: "agent", secret };
const local = "http://127.0.0.1:4000";
const idp = (client: object) => ({
  type: "enterprise_managed",
  client: { issuer: "https://auth.example", id: "agent", secret },
  idp: {
    client: { issuer: "https://idp.example", id: "agent", secret, ...client },
    subject: { token: { env: "T" } },
  },
});

test.each([
  ["the server", { url: `${local}/mcp`, grant: { client } }],
  ["the issuer", { grant: { client: { ...client, issuer: local } } }],
  ["the token endpoint", { grant: { client: { ...client, metadata: { tokenEndpoint: `${local}/token` } } } }],
  ["the identity provider", { grant: idp({ issuer: local }) }],
  [
    "the token endpoint of the identity provider",
    { grant: idp({ metadata: { tokenEndpoint: `${local}/token` } }) },
  ],
])("if %s is on loopback, each machine has another key for the token", async (_, server) => {
  const key = await keyOn("one", server);
  expect(key).toMatch(/^token\./);
  expect(await keyOn("one", server)).toBe(key);
  expect(await keyOn("two", server)).not.toBe(key);
});

test.each([
  ["a client", { grant: { client } }],
  ["an identity provider", { grant: idp({}) }],
])("the key of a token with %s that is not on loopback is the same on all machines", async (_, server) => {
  expect(await keyOn("two", server)).toBe(await keyOn("one", server));
});

const type = (name: string) => `urn:ietf:params:oauth:token-type:${name}`;
const jwtOf = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.c2ln`;
const env = { T: "t", ANN: jwtOf({ sub: "ann" }), BOB: jwtOf({ sub: "bob" }), K: "key" };
const audience = "https://crm.run.example";
const grantOf = (grant: object) => ({ grant: { client, ...grant } });
const exchange = (more: object) =>
  grantOf({ type: "token_exchange", subject: { token: { env: "T" } }, ...more });
const platform = (name: string, more: object = {}) =>
  grantOf({ type: "jwt_bearer", assertion: { env: name }, ...more });
const signed = (more: object) => {
  const assertion = { key: { privateKey: { env: "K" } }, issuer: "i", subject: "s", ...more };
  return grantOf({ type: "jwt_bearer", assertion });
};
const extension = (grantType: string, params: object = {}) =>
  grantOf({ type: "extension", grantType, params });
const endpoint = (tokenEndpoint: string) => ({
  grant: { client: { ...client, metadata: { tokenEndpoint } } },
});
const inParams = (name: string) => {
  const params = { subject_token: { env: name }, subject_token_type: type("jwt") };
  return grantOf({ type: "token_exchange", params });
};

const distinct: readonly (readonly [string, object, object])[] = [
  ["use", grantOf({ audience }), grantOf({ audience, use: "id_token" })],
  ["use of jwt_bearer", platform("ANN", { audience }), platform("ANN", { audience, use: "id_token" })],
  ["scopes: none, or those of the server", grantOf({ scopes: [] }), grantOf({})],
  ["type", grantOf({}), extension("account_credentials")],
  ["grantType", extension("account_credentials"), extension("urn:acme:grant")],
  ["parameters", extension("x", { account: "a" }), extension("x", { account: "b" })],
  ["a secret parameter", extension("x", { p: { env: "T" } }), extension("x", { p: { env: "K" } })],
  ["a JWT in a parameter", inParams("ANN"), inParams("BOB")],
  ["requestedType", exchange({}), exchange({ requestedType: "jwt" })],
  ["subject", exchange({}), exchange({ subject: { token: { env: "ANN" } } })],
  ["type of the subject", exchange({}), exchange({ subject: { token: { env: "T" }, type: "jwt" } })],
  ["actor", exchange({ actor: { token: { env: "ANN" } } }), exchange({ actor: { token: { env: "BOB" } } })],
  ["having an actor", exchange({}), exchange({ actor: { token: { env: "ANN" } } })],
  ["assertion", platform("ANN"), platform("BOB")],
  ["subject of a signed assertion", signed({}), signed({ subject: "other" })],
  ["claims of a signed assertion", signed({}), signed({ claims: { target_audience: audience } })],
  ["token endpoint", endpoint("https://auth.example/a"), endpoint("https://auth.example/b")],
  [
    "client id",
    exchange({ client: { issuer: client.issuer } }),
    exchange({ client: { issuer: client.issuer, id: "agent" } }),
  ],
];

test.each(distinct)("two configs that differ only in %s share no token", async (_, one, another) => {
  const key = await keyOn("one", one, env);
  expect(await keyOn("one", one, env)).toBe(key);
  expect(await keyOn("one", another, env)).not.toBe(key);
});

test("processes that trust other networks share no token", async () => {
  const key = await keyOn("one", grantOf({}), env);
  expect(await keyOn("one", grantOf({}), env, { trust: "default" })).toBe(key);
  expect(await keyOn("one", grantOf({}), env, { trust: "another" })).not.toBe(key);
});

test("`use: access_token` is the default, and shares the tokens of configs without it", async () => {
  expect(await keyOn("one", grantOf({ use: "access_token" }), env)).toBe(
    await keyOn("one", grantOf({}), env),
  );
});

test("a JWT in `params` counts by its claims, without the times", async () => {
  const again = { ANN: jwtOf({ sub: "ann", iat: 1, exp: 2, jti: "x" }) };
  expect(await keyOn("one", inParams("ANN"), again)).toBe(await keyOn("one", inParams("ANN"), env));
});

test("a token on behalf of a user is keyed by the key and the claims of the user's token", async () => {
  const behalf = grantOf({ type: "jwt_bearer", assertion: { runtime: true } });
  const keyFor = (key: string, claims: object) => {
    const user = { key: () => key, token: async () => new Secret(jwtOf(claims)) };
    return keyOn("one", behalf, env, { user });
  };
  const key = await keyFor("ann", { sub: "ann", exp: 1 });
  expect(await keyFor("ann", { sub: "ann", exp: 2, jti: "another" })).toBe(key);
  expect(await keyFor("bob", { sub: "ann" })).not.toBe(key);
  const another = await keyFor("ann", { sub: "bob" });
  expect(another).not.toBe(key);
  // `forget("ann")` finds both by their beginning, and `store clear` by their form.
  const beginning = key?.slice(0, "token.".length + 32 + 1 + 8);
  expect(another?.startsWith(beginning ?? "?")).toBe(true);
  expect((await keyFor("bob", { sub: "bob" }))?.startsWith(beginning ?? "?")).toBe(false);
  expect(isEntryName(key ?? "")).toBe(true);
});

/** A token of a service account of Kubernetes, as the kubelet gives it to a pod. */
function podToken(pod: string, account = "crm-agent"): string {
  const claims = {
    aud: ["https://auth.example"],
    iss: "https://kubernetes.default.svc.cluster.local",
    sub: `system:serviceaccount:agents:${account}`,
    jti: pod,
    "kubernetes.io": {
      namespace: "agents",
      node: { name: `node-of-${pod}`, uid: "1" },
      pod: { name: pod, uid: `uid-of-${pod}` },
      serviceaccount: { name: account, uid: `uid-of-${account}` },
      warnafter: pod.length,
    },
  };
  return ["{}", JSON.stringify(claims), "signature"]
    .map((part) => Buffer.from(part).toString("base64url"))
    .join(".");
}

test("the pods of a Kubernetes service account share a token, those of another account do not", async () => {
  const grant = {
    type: "jwt_bearer",
    client: { issuer: "https://auth.example" },
    assertion: { env: "POD_TOKEN" },
  };
  const keyOf = (token: string) => keyOn("one", { grant }, { POD_TOKEN: token });
  expect(await keyOf(podToken("crm-agent-1"))).toBe(await keyOf(podToken("crm-agent-22")));
  expect(await keyOf(podToken("crm-agent-1"))).not.toBe(await keyOf(podToken("crm-agent-1", "billing")));
});

test.each([
  ["of the client", (headers: object) => ({ grant: { client: { ...client, headers } } })],
  ["of the client at the identity provider", (headers: object) => ({ grant: idp({ headers }) })],
])("the headers %s are part of the key of a token, by their values", async (_, server) => {
  const key = (headers: object, tenant = "a") =>
    keyOn("one", server(headers), { T: "t", TENANT: tenant, OTHER: "a" });
  const inVariable = { "X-Tenant": { env: "TENANT" }, "x-plain": "1" };
  const first = await key(inVariable);
  expect(await key({ "x-plain": "1", "x-tenant": { env: "OTHER" } })).toBe(first);
  expect(await key({})).toBe(await keyOn("one", server({})));
  const others = [await key(inVariable, "b"), await key({ ...inVariable, "x-plain": "2" }), await key({})];
  expect(new Set([first, ...others]).size).toBe(4);
});

test("the tokens of an identity in Azure share a token, although each has marks of its own", async () => {
  const grant = {
    type: "jwt_bearer",
    client: { issuer: "https://auth.example" },
    assertion: { env: "TOKEN" },
  };
  const keyOf = (claims: object) => keyOn("one", { grant }, { TOKEN: unsignedJwt(claims) });
  const first = await keyOf({ sub: "a", aud: "b", exp: 1, uti: "one", aio: "one" });
  expect(await keyOf({ sub: "a", aud: "b", exp: 2, uti: "two", aio: "two" })).toBe(first);
  expect(await keyOf({ sub: "other", aud: "b", exp: 1, uti: "one", aio: "one" })).not.toBe(first);
});

test("a header whose value is a JWT counts by its claims except its times", async () => {
  const headers = { "x-workload": { env: "JWT" } };
  const jwt = (claims: object) =>
    ["{}", JSON.stringify(claims), "signature"]
      .map((part) => Buffer.from(part).toString("base64url"))
      .join(".");
  const key = (claims: object) =>
    keyOn("one", { grant: { client: { ...client, headers } } }, { JWT: jwt(claims) });
  const first = await key({ sub: "a", exp: 1, iat: 0, jti: "1" });
  expect(await key({ sub: "a", exp: 2, iat: 1, jti: "2" })).toBe(first);
  expect(await key({ sub: "b", exp: 1, iat: 0, jti: "1" })).not.toBe(first);
});
