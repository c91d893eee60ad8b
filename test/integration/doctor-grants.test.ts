// `doctor` with healthy servers of each grant, client authentication and token binding: nothing is blamed.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority } from "../support/certificates.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { blamedIn, diagnose, stepOf } from "./doctor.js";
import { agentSecret, startWorld } from "./harness.js";
import {
  type ClientId,
  type IdentityServers,
  startIdentityServers,
  vendorAccount,
} from "./identity-servers.js";

let world: IdentityServers;
beforeAll(async () => {
  world = await startIdentityServers();
});
afterAll(() => world[Symbol.asyncDispose]());

const urn = "urn:ietf:params:oauth";

/** Returns a variable with a token of the platform, because a command has no resolvers. */
async function variables(refs: Readonly<Record<string, string>>): Promise<Record<string, string>> {
  const { platform } = world.resolvers;
  const signal = new AbortController().signal;
  const read = Object.entries(refs).map(
    async ([name, ref]) => [name, (await platform?.(ref, { server: "tools", signal })) ?? ""] as const,
  );
  return Object.fromEntries(await Promise.all(read));
}

type Binding = "none" | "DPoP" | "mTLS";

async function diagnoseGrant(
  grant: object,
  {
    binding = "none",
    more = {},
  }: { readonly binding?: Binding; readonly more?: Readonly<Record<string, string>> } = {},
) {
  const url = world.mcp[binding].url;
  const dpop = binding === "DPoP" ? { dpop: true } : {};
  const servers = { tools: { url, ...dpop, grant: { scopes: ["read"], ...grant } } };
  return await diagnose({ config: { network: world.network, servers }, env: { ...world.env, ...more } });
}

describe("a healthy server with the grant", () => {
  test.each<[ClientId, Binding]>([
    ["basic", "none"],
    ["post", "none"],
    ["hmac", "none"],
    ["signer", "none"],
    ["public", "none"],
    ["basic", "DPoP"],
    ["signer", "DPoP"],
    ["pki", "mTLS"],
    ["pinned", "mTLS"],
  ])("client_credentials of the client %s with the binding %s blames nothing", async (id, binding) => {
    const { code, server, blamed } = await diagnoseGrant({ client: world.client(id) }, { binding });
    expect(blamed).toEqual([]);
    expect(server.steps.map(({ verdict }) => verdict)).toEqual(server.steps.map(() => "pass"));
    expect(code).toBe(0);
  });

  test("client_credentials with an assertion of the platform blames nothing", async () => {
    const client = { ...world.client("federated"), assertion: { env: "ASSERTION" } };
    const more = await variables({ ASSERTION: "client" });
    const { code, blamed } = await diagnoseGrant({ client }, { more });
    expect([blamed, code]).toEqual([[], 0]);
  });

  test("jwt_bearer of the platform, and one that we sign, blame nothing", async () => {
    const more = await variables({ ASSERTION: "workload" });
    const client = world.client("basic");
    const platform = await diagnoseGrant(
      { type: "jwt_bearer", client, assertion: { env: "ASSERTION" } },
      { more },
    );
    expect(platform.blamed).toEqual([]);
    const assertion = {
      key: { privateKey: { env: "KEY" } },
      issuer: world.account.issuer,
      subject: "robot-9",
    };
    const signed = await diagnoseGrant({ type: "jwt_bearer", client, assertion });
    expect(signed.blamed).toEqual([]);
    expect(stepOf(signed.server.steps, "key").message).toMatch(/^ES256, kid /);
  });

  test("token_exchange blames nothing", async () => {
    const more = await variables({ PERSON: "person" });
    const { code, blamed } = await diagnoseGrant(
      {
        type: "token_exchange",
        client: world.client("basic"),
        subject: { token: { env: "PERSON" }, type: `${urn}:token-type:jwt` },
      },
      { more },
    );
    expect([blamed, code]).toEqual([[], 0]);
  });

  test("enterprise_managed blames nothing, and both issuers are looked at", async () => {
    const more = await variables({ SIGN_IN: "sign-in-basic" });
    const { code, server, blamed } = await diagnoseGrant(
      {
        type: "enterprise_managed",
        client: world.client("basic"),
        idp: {
          client: world.idpClient("basic"),
          subject: { token: { env: "SIGN_IN" }, type: `${urn}:token-type:id_token` },
        },
      },
      { more },
    );
    expect([blamed, code]).toEqual([[], 0]);
    expect(stepOf(server.steps, "issuer metadata").message).toBe(
      `${world.issuer.issuer}, ${world.idp.issuer}`,
    );
  });

  test("extension blames nothing", async () => {
    const { code, blamed } = await diagnoseGrant({
      type: "extension",
      client: world.client("basic"),
      grantType: "account_credentials",
      params: { account_id: vendorAccount },
    });
    expect([blamed, code]).toEqual([[], 0]);
  });

  test("static blames nothing", async () => {
    const { server: first } = await diagnoseGrant({ client: world.client("basic") });
    expect(first.ok).toBe(true);
    const issuer = await startWorld();
    const response = await fetch(issuer.issuer.tokenEndpoint, {
      method: "POST",
      headers: { authorization: `Basic ${btoa(`agent:${agentSecret}`)}` },
      body: new URLSearchParams({ grant_type: "client_credentials", resource: issuer.mcp.url }),
    });
    const { access_token: TOKEN } = (await response.json()) as { access_token: string };
    const servers = { tools: { url: issuer.mcp.url, grant: { type: "static", token: { env: "TOKEN" } } } };
    const { code, server, blamed } = await diagnose({ config: { servers }, env: { TOKEN } });
    expect(blamed).toEqual([]);
    expect(server.steps.map(({ verdict }) => verdict)).toEqual(server.steps.map(() => "pass"));
    expect(code).toBe(0);
  });
});

test("a rotated refresh token is stored, so that the next check and the fleet work", async () => {
  const family = await startWorld({ refreshTokens: {}, scopes: ["use"] });
  const { issuer, mcp } = family;
  const SEED = await issuer.issueRefreshToken({ clientId: "agent", resource: mcp.url, scope: "use" });
  const path = await temporaryFolder();
  const config = {
    store: { type: "file", path, encryptionKey: { env: "STORE_KEY" } },
    servers: {
      tools: {
        url: mcp.url,
        grant: {
          type: "refresh_token",
          client: { issuer: issuer.issuer, id: "agent", secret: { env: "SECRET" } },
          refreshToken: { env: "SEED" },
        },
      },
    },
  };
  const env = { ...family.env, SEED, STORE_KEY: Buffer.alloc(32, 7).toString("base64url") };
  for (const _ of [1, 2, 3]) {
    const { code, report } = await diagnose({ config, env });
    expect([blamedIn(report.shared), blamedIn(report.servers[0]?.steps ?? []), code]).toEqual([[], [], 0]);
  }
  const redeemed = issuer.tokenRequests.map(({ params, status }) => [params["refresh_token"], status]);
  expect(redeemed.map(([, status]) => status)).toEqual([200, 200, 200]);
  expect(new Set(redeemed.map(([token]) => token)).size).toBe(3);
});

test("tokens for users that only code knows are skipped, and the exit code is 0", async () => {
  const more = {};
  const { code, server, blamed } = await diagnoseGrant(
    {
      type: "token_exchange",
      client: world.client("basic"),
      subject: { token: { runtime: true }, type: `${urn}:token-type:jwt` },
    },
    { more },
  );
  expect(blamed).toEqual([]);
  expect(stepOf(server.steps, "token").verdict).toBe("skip");
  expect(code).toBe(0);
});

test("a certificate that is not for clients, or has expired, or belongs to another key, is named by the step of keys", async () => {
  const authority = await createAuthority();
  const identity = async (options: Parameters<typeof authority.issue>[0]) => {
    const { certificate, privateKey } = await authority.issue({
      subject: "CN=agent, O=Acme, C=DE",
      ...options,
    });
    return { PKI_CERT: certificate, PKI_KEY: privateKey };
  };
  const check = async (more: Readonly<Record<string, string>>) =>
    await diagnoseGrant({ client: world.client("pki") }, { binding: "mTLS", more });
  const expired = await check(await identity({ client: true, notAfter: new Date("2024-01-01T00:00:00Z") }));
  expect(stepOf(expired.server.steps, "key")).toMatchObject({ verdict: "fail", code: "key_invalid" });
  expect(expired.server.todo?.text).toContain("Replace it with the renewed one");
  expect(stepOf(expired.server.steps, "token")).toMatchObject({ verdict: "skip", message: "no key" });
  expect(expired.code).toBe(2);

  const { PKI_KEY } = await identity({ client: true });
  const mismatch = await check({ PKI_KEY });
  expect(JSON.stringify(stepOf(mismatch.server.steps, "key"))).toContain("certificate of another key");
  expect(mismatch.code).toBe(2);

  const soon = await check(await identity({ client: true, notAfter: new Date(Date.now() + 86_400_000) }));
  expect(stepOf(soon.server.steps, "key")).toMatchObject({
    verdict: "warn",
    finding: "certificate_expires_soon",
  });
  const forServers = await check(await identity({ server: true }));
  expect(stepOf(forServers.server.steps, "key").finding).toBe("certificate_usage");
});
