// Signs people in with a device code (RFC 8628) at a real authorization server. Time is that of a fake clock, except at
// the server.
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { exportPKCS8, generateKeyPair } from "jose";
import { expect, test } from "vitest";
import { signIn } from "../../src/cli/login/sign-in.js";
import type { McpAuthConfig, McpAuthStore } from "../../src/index.js";
import { internalsOf } from "../../src/runtime/manager-internals.js";
import { createAuthority } from "../support/certificates.js";
import { enterCode } from "../support/device-flow.js";
import { liveClock } from "../support/live-clock.js";
import { certificateThumbprint } from "../support/mutual-tls.js";
import type { RegisteredClient } from "../support/registered-client.js";
import { rejectionOf } from "../support/rejection-of.js";
import { sharedMemory } from "../support/shared-memory.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { agentSecret, createTestRuntime, startWorld, type WorldOptions } from "./harness.js";

type CrmConfig = McpAuthConfig<"crm">;
type Server = CrmConfig["servers"]["crm"];

interface SignInOptions extends Omit<WorldOptions, "clients"> {
  readonly client?: RegisteredClient;
  /** Overrides members of the server in the config. */
  readonly server?: Partial<Server>;
  /** Overrides the credential of the client in the config. */
  readonly credential?: object;
  /** Members of the grant in the config. */
  readonly grant?: object;
  readonly top?: Partial<CrmConfig>;
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts a world in which a person can sign in, and somebody can run the command. */
async function startSignIns(options: SignInOptions = {}) {
  const { client = { id: "agent", secret: agentSecret }, server, top, grant, env: more, ...world } = options;
  const { credential = { secret: { env: "SECRET" } }, ...servers } = world;
  const scopes = ["use", "profile", "email"];
  const { issuer, mcp } = await startWorld({
    ...{ refreshTokens: {}, deviceFlow: {}, scopes, clients: [client] },
    ...servers,
  });
  const config: CrmConfig = {
    ...top,
    servers: {
      crm: {
        url: mcp.url,
        grant: {
          type: "refresh_token",
          // Built from parts.
          client: { issuer: issuer.issuer, id: "agent", ...credential } as { issuer: string; id: string },
          scopes: ["openid", "offline_access", "profile", "email", "use"],
          ...grant,
        },
        ...server,
      },
    },
  };
  const env = { SECRET: agentSecret, ...more };
  const memory = sharedMemory();
  const live = liveClock();
  // A `fetch` of the test would not present the client's certificate, so time is real then.
  const isReal = options.tls !== undefined;
  /** Runs the command until it shows the code. */
  async function startCommand(store: McpAuthStore = memory.store()) {
    const { clock, fetch } = live;
    const auth = await createTestRuntime<"crm">({ config, env, store, ...(!isReal && { clock, fetch }) });
    const { fetch: browse } = internalsOf(auth.resolve("crm")).attempt({
      signal: new AbortController().signal,
    });
    const shown: string[] = [];
    const interrupt = new AbortController();
    let onCode = (): void => {};
    const codeShown = new Promise<void>((resolve) => {
      onCode = resolve;
    });
    const report = signIn(auth.resolve("crm"), {
      print: {
        note(text) {
          shown.push(text);
          if (text.includes("enter the code")) onCode();
        },
      },
      signal: interrupt.signal,
      waitFor: (_what, work) => work,
    });
    await Promise.race([codeShown, report]);
    const text = shown.join("\n");
    const [page = "", userCode = ""] = /https?:\S+\/device\n\s+\S+/.exec(text)?.[0].split(/\s+/) ?? [];
    report.catch(() => {});
    return { report, interrupt, browse, page, userCode, shown: () => shown.join("\n") };
  }
  /** Signs in once. */
  async function signInOnce() {
    const command = await startCommand();
    await enterCode(command.page, command.userCode, "confirm", command.browse);
    if (!isReal) await live.advance(5_000);
    return { ...command, report: await command.report };
  }
  /** Creates the runtime of an agent, in another process. */
  const startAgent = async (store: McpAuthStore = memory.store()) =>
    (await createTestRuntime<"crm">({ config, env, store })).resolve("crm");
  const redemptions = () =>
    issuer.tokenRequests
      .filter(({ params }) => params["grant_type"] === "refresh_token")
      .map(({ params, status }) => ({ token: params["refresh_token"], status }));
  return { issuer, mcp, config, memory, live, startCommand, signInOnce, startAgent, redemptions };
}

test("after a person has signed in once, agents get tokens from the stored family and rotate it", async () => {
  const { issuer, live, startCommand, startAgent, mcp } = await startSignIns();
  const before = await rejectionOf((await startAgent()).getAccessToken());
  expect(before).toMatchObject({ code: "secret_unavailable", retryable: false });
  expect(before.message).toContain("Sign in once: npx mcp-auth-runtime login crm");
  const command = await startCommand();
  expect(await enterCode(command.page, command.userCode)).toContain("Sign-in Success");
  await live.advance(5_000);
  expect(await command.report).toMatchObject({
    server: "crm",
    user: { subject: "somebody", name: "Some Body", email: "somebody@example.com" },
    replaced: false,
  });
  expect(command.shown()).toContain('Signed in to "crm" as Some Body (somebody@example.com, somebody).');
  const agent = await startAgent();
  expect((await agent.getToken()).resource).toBe(mcp.url);
  await agent.getAccessToken({ forceRefresh: true });
  const redeemed = issuer.tokenRequests.filter(({ params }) => params["grant_type"] === "refresh_token");
  expect(redeemed.map(({ status }) => status)).toEqual([200, 200]);
  expect(new Set(redeemed.map(({ params }) => params["refresh_token"])).size).toBe(2);
});

test("a running agent uses the family of a new sign-in without a restart", async () => {
  const { signInOnce, startAgent, redemptions } = await startSignIns();
  await signInOnce();
  const agent = await startAgent();
  await agent.getAccessToken();
  const { report, shown } = await signInOnce();
  expect(report.replaced).toBe(true);
  expect(shown()).toContain("replaces that of an earlier sign-in");
  await agent.getAccessToken({ forceRefresh: true });
  const [first, second] = redemptions();
  expect([first?.status, second?.status]).toEqual([200, 200]);
  // The successor of the first one would be from the family that was replaced.
  const other = await startAgent();
  await other.getAccessToken({ forceRefresh: true });
  expect(redemptions().map(({ status }) => status)).toEqual([200, 200, 200]);
});

test("after a new sign-in, no agent finds the access token of the previous person in the store", async () => {
  const { signInOnce, startAgent } = await startSignIns();
  await signInOnce();
  const before = await (await startAgent()).getAccessToken();
  expect(await (await startAgent()).getAccessToken()).toBe(before);
  await signInOnce();
  expect(await (await startAgent()).getAccessToken()).not.toBe(before);
});

test("the error for a family that died names the command to sign in again", async () => {
  const { signInOnce, startAgent, issuer, redemptions } = await startSignIns();
  await signInOnce();
  const agent = await startAgent();
  await agent.getAccessToken();
  const [used] = redemptions();
  // A second use revokes the family.
  await fetch(issuer.tokenEndpoint, {
    method: "POST",
    headers: { authorization: `Basic ${Buffer.from(`agent:${agentSecret}`).toString("base64")}` },
    body: new URLSearchParams({ grant_type: "refresh_token", refresh_token: String(used?.token) }),
  });
  const error = await rejectionOf(agent.getAccessToken({ forceRefresh: true }));
  expect(error).toMatchObject({ code: "token_request_rejected", oauthError: "invalid_grant" });
  expect(error.message).toContain("Sign in again: npx mcp-auth-runtime login crm");
  expect(error.message).not.toContain('"refreshToken"');
  await signInOnce();
  await agent.getAccessToken({ forceRefresh: true });
});

test("a person who refuses ends the command, and nothing is stored", async () => {
  const { startCommand, live, memory } = await startSignIns();
  const command = await startCommand();
  await enterCode(command.page, command.userCode, "abort");
  await live.advance(5_000);
  const error = await rejectionOf(command.report);
  expect(error).toMatchObject({ code: "token_request_rejected", oauthError: "access_denied" });
  expect(error.message).toContain("the sign-in was refused, by the person or by the authorization server");
  expect(await memory.store().keys("refresh.")).toEqual([]);
});

test("the command ends when the code has expired", async () => {
  const { startCommand, live } = await startSignIns();
  const { report, shown } = await startCommand();
  expect(shown()).toContain("The code is valid for 10 minutes.");
  await live.advance(600_000);
  const error = await rejectionOf(report);
  expect(error).toMatchObject({ code: "token_request_rejected", oauthError: "expired_token" });
  expect(error.message).toContain("nobody signed in before the code expired");
});

test("an interrupt ends the wait for a person", async () => {
  const { startCommand, live } = await startSignIns();
  const { report, interrupt } = await startCommand();
  await live.advance(12_000);
  interrupt.abort();
  expect(await rejectionOf(report)).toMatchObject({ code: "aborted" });
});

test("the refresh token of a public client is bound to the DPoP key in the config, and redeemed with it", async () => {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  const { signInOnce, startAgent, issuer } = await startSignIns({
    client: { id: "agent" },
    credential: {},
    dpop: { nonces: true },
    mcp: { dpop: { required: true } },
    server: { dpop: { key: { privateKey: { env: "KEY" } } } },
    env: { KEY: await exportPKCS8(privateKey) },
  });
  await signInOnce();
  const agent = await startAgent();
  expect((await agent.fetch(agent.url)).status).not.toBe(401);
  expect(issuer.issued.map(({ jkt }) => jkt)).toEqual([expect.any(String), expect.any(String)]);
});

test("a public client without a DPoP key in the config is refused before anything is sent", async () => {
  const { startCommand, issuer } = await startSignIns({
    client: { id: "agent" },
    credential: {},
    server: { dpop: true },
  });
  const error = await rejectionOf(startCommand());
  expect(error).toMatchObject({ code: "config_invalid" });
  expect(error.message).toContain('Name a key: "dpop": { "key": … }');
  expect(issuer.tokenRequests).toEqual([]);
});

test("a confidential client with a generated DPoP key signs in, and each process has its own key", async () => {
  const { signInOnce, startAgent, redemptions } = await startSignIns({
    mcp: { dpop: { required: true } },
    server: { dpop: true },
  });
  await signInOnce();
  for (const agent of [await startAgent(), await startAgent()]) {
    const response = await agent.fetch(agent.url);
    await response.body?.cancel();
    expect(response.status).not.toBe(401);
  }
  expect(redemptions().map(({ status }) => status)).toEqual([200, 200]);
});

test("a client with a certificate presents it for the code, for the tokens, and at each redemption", async () => {
  const authority = await createAuthority();
  const identity = await authority.issue({ subject: "CN=agent", client: true });
  const folder = await temporaryFolder();
  const [ca, cert, key] = [join(folder, "ca.pem"), join(folder, "tls.crt"), join(folder, "tls.key")];
  await writeFile(ca, authority.certificate);
  await writeFile(cert, identity.certificate);
  await writeFile(key, identity.privateKey, { mode: 0o600 });
  const thumbprint = certificateThumbprint(identity.certificate);
  const { signInOnce, startAgent, issuer } = await startSignIns({
    tls: { authority, clientCertificates: "everywhere" },
    mcp: { tls: { authority } },
    deviceFlow: { interval: 1 },
    client: { id: "agent", subjectDn: "CN=agent" },
    credential: { certificate: { cert: { file: cert }, key: { file: key } } },
    top: { network: { ca: [ca] } },
  });
  await signInOnce();
  await (await startAgent()).getToken();
  expect(issuer.tokenRequests.map((each) => [each.status, each.certificateThumbprint])).toEqual([
    [200, thumbprint],
    [200, thumbprint],
  ]);
});

test("an agent that failed because nobody had signed in works as soon as somebody has, without a wait", async () => {
  const { config, signInOnce, memory } = await startSignIns();
  // The clock of the agent stands still.
  const { clock, fetch } = liveClock();
  const auth = await createTestRuntime<"crm">({
    ...{ config, clock, fetch, store: memory.store(), env: { SECRET: agentSecret } },
  });
  const agent = auth.resolve("crm");
  expect(await rejectionOf(agent.getAccessToken())).toMatchObject({ code: "secret_unavailable" });
  expect(agent.status().state).toBe("cooldown");
  expect(await rejectionOf(agent.getAccessToken())).toMatchObject({ code: "secret_unavailable" });
  await signInOnce();
  expect(await agent.getAccessToken()).toEqual(expect.any(String));
});

test("a sign-in takes the place of a refresh token in the config that has died", async () => {
  const { signInOnce, startAgent, redemptions } = await startSignIns({
    grant: { refreshToken: { env: "SEED" } },
    env: { SEED: "a-seed-that-has-died" },
  });
  const error = await rejectionOf((await startAgent()).getAccessToken());
  expect(error.message).toContain('put it where the grant\'s "refreshToken" is read');
  await signInOnce();
  await (await startAgent()).getAccessToken();
  expect(redemptions().map(({ status }) => status)).toEqual([400, 200]);
});
