// The key of a token in the store. A URL on loopback is another server on each machine.
import { expect, test } from "vitest";
import type { McpAuthConfig } from "../../../src/config/define-config.js";
import { loadConfig } from "../../../src/config/load.js";
import { systemClock } from "../../../src/lib/clock.js";
import { createAttempt } from "../../../src/oauth/attempt.js";
import { CredentialMemory } from "../../../src/secrets/credential-memory.js";
import { CredentialRecorder } from "../../../src/secrets/credential-recorder.js";
import { tokenEntryKey } from "../../../src/sharing/entry-key.js";
import { fakeHostname } from "../../support/fake-hostname.js";
import { oauthRuntime, unsignedJwt } from "../oauth/fixtures.js";

async function keyOn(
  name: string,
  server: object,
  env: Readonly<Record<string, string>> = { T: "t" },
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
  const attempt = createAttempt(oauthRuntime({ env }), { spec: entry.spec, signal });
  return await tokenEntryKey(attempt, recorder, async () => "default");
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
