import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { McpAuth, McpAuthConfig, McpAuthStore } from "../../src/index.js";
import { parseJsonObject } from "../../src/lib/json-object.js";
import { deferred } from "../support/deferred.js";
import { fakeClock } from "../support/fake-clock.js";
import { liveClock } from "../support/live-clock.js";
import { rejectionOf } from "../support/rejection-of.js";
import { sharedMemory } from "../support/shared-memory.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { agentSecret, createTestRuntime, startWorld, viaFetchV2, type World } from "./harness.js";
import { measureFakeSeconds } from "./measure-fake-seconds.js";

/** Milliseconds for which a store entry is kept. */
const retention = 400 * 24 * 3_600_000;

interface TokenFamily extends World {
  readonly seed: string;
  /** Creates the runtime of one process. */
  startAgent(store: McpAuthStore, env?: Readonly<Record<string, string>>): Promise<McpAuth<"tools">>;
  /** Returns the refresh token and the status of each token request. */
  redemptions(): readonly { readonly token: string; readonly status: number }[];
}

/** Starts a world with a refresh token as seed, whose server rotates refresh tokens. */
async function startFamily({ rotate = true, lifetime = 3_600 } = {}): Promise<TokenFamily> {
  const world = await startWorld({ refreshTokens: { rotate }, scopes: ["use"], lifetime });
  const { issuer, mcp } = world;
  const seed = await issuer.issueRefreshToken({ clientId: "agent", resource: mcp.url, scope: "use" });
  const config: McpAuthConfig<"tools"> = {
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
  return {
    ...world,
    config,
    seed,
    startAgent: (store, env = { SECRET: agentSecret, SEED: seed }) =>
      createTestRuntime({ config, env, store }),
    redemptions: () =>
      issuer.tokenRequests.map(({ params, status }) => ({ token: String(params["refresh_token"]), status })),
  };
}

describe("the grant refresh_token", () => {
  test("the grant refresh_token redeems the seed, then each new refresh token, also in a later process", async () => {
    const family = await startFamily();
    const memory = sharedMemory();
    const auth = await family.startAgent(memory.store());
    const client = await viaFetchV2(auth.resolve("tools"));
    expect(await client.echo("hello")).toEqual(expect.anything());
    for (let round = 0; round < 3; round += 1) {
      await auth.resolve("tools").getAccessToken({ forceRefresh: true });
    }
    await auth.stop();
    const later = await family.startAgent(memory.store());
    await later.resolve("tools").getAccessToken({ forceRefresh: true });
    const redemptions = family.redemptions();
    expect(redemptions.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(redemptions[0]?.token).toBe(family.seed);
    expect(new Set(redemptions.map(({ token }) => token)).size).toBe(5);
  });

  test("the grant refresh_token keeps using the seed if the server does not rotate", async () => {
    const family = await startFamily({ rotate: false });
    const auth = await family.startAgent(sharedMemory().store());
    await auth.resolve("tools").getAccessToken();
    await auth.resolve("tools").getAccessToken({ forceRefresh: true });
    expect(new Set(family.redemptions().map(({ token }) => token))).toEqual(new Set([family.seed]));
  });

  test("eight concurrent processes redeem one at a time, and never the same refresh token twice", async () => {
    const family = await startFamily();
    const memory = sharedMemory();
    const agents = await Promise.all(Array.from({ length: 8 }, () => family.startAgent(memory.store())));
    const tokens = await Promise.all(agents.map((auth) => auth.resolve("tools").getAccessToken()));
    expect(new Set(tokens).size).toBe(1);
    await Promise.all(agents.map((auth) => auth.resolve("tools").getAccessToken({ forceRefresh: true })));
    const redemptions = family.redemptions();
    expect(redemptions.length).toBe(9);
    expect(redemptions.every(({ status }) => status === 200)).toBe(true);
    expect(new Set(redemptions.map(({ token }) => token)).size).toBe(9);
  });

  test("a changed seed takes precedence over the stored refresh token", async () => {
    const family = await startFamily();
    const memory = sharedMemory();
    const first = await family.startAgent(memory.store());
    await first.resolve("tools").getAccessToken();
    const { issuer, mcp } = family;
    const seed = await issuer.issueRefreshToken({ clientId: "agent", resource: mcp.url, scope: "use" });
    const second = await family.startAgent(memory.store(), { SECRET: agentSecret, SEED: seed });
    await second.resolve("tools").getAccessToken();
    expect(family.redemptions().map(({ token }) => token)).toEqual([family.seed, seed]);
  });

  test("the error for a refused refresh token names the place for a new one and does not show the token", async () => {
    const family = await startFamily();
    const auth = await family.startAgent(sharedMemory().store(), {
      SECRET: agentSecret,
      SEED: "none-of-theirs",
    });
    const error = await auth
      .resolve("tools")
      .getAccessToken()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "token_request_rejected", oauthError: "invalid_grant" });
    expect(String(error)).toContain('put it where the grant\'s "refreshToken" is read');
    expect(String(error)).not.toContain("none-of-theirs");
  });

  test("the grant refresh_token with the memory store is config_invalid", async () => {
    const { config } = await startFamily();
    await expect(createTestRuntime({ config, env: {} })).rejects.toMatchObject({
      code: "config_invalid",
      violations: [{ pointer: "/servers/tools/grant/type" }],
    });
  });
});

describe("the grant refresh_token when something fails", () => {
  test("no refresh token is redeemed while the store is down", async () => {
    const family = await startFamily();
    const fails = () => Promise.reject(new Error("down"));
    const config = { ...family.config, defaults: { retry: { attempts: 1 } } };
    const store = sharedMemory().store({ get: fails, set: fails, withLock: fails });
    const auth = await createTestRuntime({ config, env: { SECRET: agentSecret, SEED: family.seed }, store });
    await expect(auth.resolve("tools").getAccessToken()).rejects.toMatchObject({
      code: "store_unavailable",
      server: "tools",
      retryable: true,
    });
    expect(family.redemptions()).toEqual([]);
  });

  test("a new refresh token that could not be written is written again, not redeemed or requested twice", async () => {
    const family = await startFamily();
    const memory = sharedMemory();
    const whole = memory.store();
    let refusals = 0;
    const store = memory.store({
      async set(key, value, options) {
        // Each redemption writes first that it begins, and then its result.
        if (key.startsWith("refresh.") && family.redemptions().length === 1 && refusals < 3) {
          refusals += 1;
          throw new Error("down");
        }
        return await whole.set(key, value, options);
      },
    });
    const auth = await family.startAgent(store);
    const manager = auth.resolve("tools");
    await manager.getAccessToken();
    expect([refusals, family.redemptions().length]).toEqual([3, 1]);
    await manager.getAccessToken({ forceRefresh: true });
    const redemptions = family.redemptions();
    expect(redemptions.map(({ status }) => status)).toEqual([200, 200]);
    expect(new Set(redemptions.map(({ token }) => token)).size).toBe(2);
  });

  test("the result of a redemption is written even if the call has timed out", async () => {
    const family = await startFamily();
    const memory = sharedMemory();
    const config = { ...family.config, defaults: { deadline: "2s" } };
    const env = { SECRET: agentSecret, SEED: family.seed };
    const gate = deferred<void>();
    const answered = deferred<void>();
    const clock = fakeClock(Date.now());
    // The response takes longer than the deadline of the call.
    const slow: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (init?.method === "POST") {
        answered.resolve();
        await gate.promise;
      }
      return response;
    };
    const auth = await createTestRuntime({ config, env, store: memory.store(), fetch: slow, clock });
    const call = rejectionOf(auth.resolve("tools").getAccessToken());
    await answered.promise;
    await clock.advance(2_000);
    expect((await call).code).toBe("timeout");
    gate.resolve();
    const other = await family.startAgent(memory.store());
    await other.resolve("tools").getAccessToken();
    const redemptions = family.redemptions();
    expect(redemptions.map(({ status }) => status)).toEqual([200, 200]);
    expect(new Set(redemptions.map(({ token }) => token)).size).toBe(2);
  });

  test("a reload that does not change the store keeps a pending refresh token", async () => {
    const family = await startFamily();
    const memory = sharedMemory();
    const whole = memory.store();
    let isOver = false;
    const store = memory.store({
      async set(key, value, options) {
        if (!isOver && family.redemptions().length === 1) throw new Error("down");
        return await whole.set(key, value, options);
      },
    });
    const folder = await temporaryFolder();
    const file = join(folder, "mcp-auth.config.json");
    const defaults = { deadline: "5s" };
    await writeFile(file, JSON.stringify({ ...family.config, defaults }));
    const env = { SECRET: agentSecret, SEED: family.seed };
    const time = liveClock();
    const { clock, fetch } = time;
    const auth = await createTestRuntime<string>({ config: file, env, store, clock, fetch });
    const call = rejectionOf(auth.resolve("tools").getAccessToken());
    await measureFakeSeconds(time, () => call, time.quiet);
    expect((await call).code).toBe("timeout");
    const network = { allowInsecureHttp: ["elsewhere.example"] };
    await writeFile(file, JSON.stringify({ ...family.config, network }));
    await auth.reload();
    const later = auth.resolve("tools").getAccessToken({ forceRefresh: true });
    isOver = true;
    await measureFakeSeconds(time, () => later, time.quiet);
    const redemptions = family.redemptions();
    expect(redemptions.map(({ status }) => status)).toEqual([200, 200]);
    expect(new Set(redemptions.map(({ token }) => token)).size).toBe(2);
  });

  test("a refresh token is sent again after a temporary failure of the server", async () => {
    const family = await startFamily();
    family.issuer.failNext(2, 503);
    const auth = await family.startAgent(sharedMemory().store());
    await auth.resolve("tools").getAccessToken();
    expect(family.redemptions().map(({ status }) => status)).toEqual([503, 503, 200]);
  });

  test("a store entry that cannot be decrypted is kept, and nothing is redeemed", async () => {
    const family = await startFamily();
    const memory = sharedMemory();
    const first = await family.startAgent(memory.store());
    await first.resolve("tools").getAccessToken();
    const [key] = [...memory.data.entries.keys()].filter((each) => each.startsWith("refresh."));
    memory.data.entries.set(key ?? "", { value: "damaged", expiresAt: Number.POSITIVE_INFINITY });
    const second = await family.startAgent(memory.store());
    await expect(second.resolve("tools").getAccessToken({ forceRefresh: true })).rejects.toMatchObject({
      code: "store_unavailable",
      retryable: false,
    });
    expect(memory.data.entries.get(key ?? "")?.value).toBe("damaged");
    expect(family.redemptions().length).toBe(1);
  });

  test("a store entry of a later version is store_unavailable", async () => {
    const family = await startFamily();
    const memory = sharedMemory();
    const store = () => memory.store({ encryptionKeys: false });
    const first = await family.startAgent(store());
    await first.resolve("tools").getAccessToken();
    const entry = [...memory.data.entries].find(([key]) => key.startsWith("refresh."));
    const fields = parseJsonObject(entry?.[1].value ?? "");
    expect(fields).toEqual({ v: 1, refreshToken: expect.any(String) });
    const later = JSON.stringify({ ...fields, v: 2 });
    memory.data.entries.set(entry?.[0] ?? "", { value: later, expiresAt: Number.POSITIVE_INFINITY });
    const second = await family.startAgent(store());
    await expect(second.resolve("tools").getAccessToken({ forceRefresh: true })).rejects.toMatchObject({
      code: "store_unavailable",
    });
  });

  test("a process waits for a redemption that another process has begun, until its time is over", async () => {
    const family = await startFamily();
    const memory = sharedMemory();
    const store = () => memory.store({ encryptionKeys: false });
    const first = await family.startAgent(store());
    await first.resolve("tools").getAccessToken();
    const [key, entry] = [...memory.data.entries].find(([name]) => name.startsWith("refresh.")) ?? [];
    if (key === undefined || entry === undefined) throw new Error("Nothing is stored.");
    const fields = parseJsonObject(entry.value);
    const over = Date.now() + 1_000;
    const since = retention - (entry.expiresAt - Date.now());
    const value = JSON.stringify({ ...fields, inFlightFor: 1_000 + since });
    memory.data.entries.set(key, { ...entry, value });
    const second = await family.startAgent(store());
    await second.resolve("tools").getAccessToken({ forceRefresh: true });
    expect(Date.now()).toBeGreaterThanOrEqual(over);
    expect(family.redemptions().map(({ status }) => status)).toEqual([200, 200]);
  });
});
