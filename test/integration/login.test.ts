import { expect, test } from "vitest";
import { signIn } from "../../src/cli/sign-in.js";
import type { McpAuthConfig, McpAuthStore } from "../../src/index.js";
import { enterCode } from "../support/device-flow.js";
import { liveClock } from "../support/live-clock.js";
import { rejectionOf } from "../support/rejection-of.js";
import { sharedMemory } from "../support/shared-memory.js";
import { agentSecret, createTestRuntime, startWorld } from "./harness.js";

/** Starts a world in which a person can sign in, and somebody who runs the command. */
async function startSignIns() {
  const scopes = ["use", "profile", "email"];
  const { issuer, mcp } = await startWorld({ refreshTokens: {}, deviceFlow: {}, scopes });
  const config: McpAuthConfig<"crm"> = {
    servers: {
      crm: {
        url: mcp.url,
        grant: {
          type: "refresh_token",
          client: { issuer: issuer.issuer, id: "agent", secret: { env: "SECRET" } },
          scopes: ["openid", "offline_access", "profile", "email", "use"],
        },
      },
    },
  };
  const env = { SECRET: agentSecret };
  const memory = sharedMemory();
  const live = liveClock();
  /** Runs the command until it shows the code. */
  async function startCommand(store: McpAuthStore = memory.store()) {
    const { clock, fetch } = live;
    const auth = await createTestRuntime<"crm">({ config, env, store, clock, fetch });
    const shown: string[] = [];
    const interrupt = new AbortController();
    const report = signIn(auth.resolve("crm"), {
      print: { note: (text) => void shown.push(text) },
      signal: interrupt.signal,
      waitFor: (_what, work) => work,
    });
    report.catch(() => {});
    await live.quiet();
    const text = shown.join("\n");
    const [page = "", userCode = ""] = /https?:\S+\/device\n\s+\S+/.exec(text)?.[0].split(/\s+/) ?? [];
    return { report, interrupt, page, userCode, shown: () => shown.join("\n"), text };
  }
  /** Creates the runtime of an agent, in another process. */
  const startAgent = async (store: McpAuthStore = memory.store()) =>
    (await createTestRuntime<"crm">({ config, env, store })).resolve("crm");
  return { issuer, mcp, config, memory, live, startCommand, startAgent };
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
