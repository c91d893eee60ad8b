import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import type { McpAuth, McpAuthConfig, McpAuthStore } from "../../src/index.js";
import { parseJsonObject } from "../../src/lib/json-object.js";
import { deferred } from "../support/deferred.js";
import { failure } from "../support/failure.js";
import { fakeClock } from "../support/fake-clock.js";
import { sharedMemory } from "../support/shared-memory.js";
import { agentSecret, runtime, startWorld, viaFetchV2, type World } from "./harness.js";

/** Milliseconds that an entry lasts. */
const retention = 400 * 24 * 3_600_000;

interface Lineage extends World {
  readonly seed: string;
  /** One process. */
  agent(store: McpAuthStore, env?: Readonly<Record<string, string>>): Promise<McpAuth<"tools">>;
  /** What came to the token endpoint: the refresh token, and whether it was taken. */
  redemptions(): readonly { readonly token: string; readonly status: number }[];
}

/** A server that replaces refresh tokens, and an agent that was given one. */
async function startLineage({ rotate = true, lifetime = 3_600 } = {}): Promise<Lineage> {
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
    agent: (store, env = { SECRET: agentSecret, SEED: seed }) => runtime({ config, env, store }),
    redemptions: () =>
      issuer.tokenRequests.map(({ params, status }) => ({ token: String(params["refresh_token"]), status })),
  };
}

describe("the grant refresh_token", () => {
  test("redeems the seed, then what took its place, and calls the MCP server", async () => {
    const lineage = await startLineage();
    const memory = sharedMemory();
    const auth = await lineage.agent(memory.store());
    const client = await viaFetchV2(auth.resolve("tools"));
    expect(await client.echo("hello")).toEqual(expect.anything());
    for (let round = 0; round < 3; round += 1) {
      await auth.resolve("tools").getAccessToken({ forceRefresh: true });
    }
    await auth.stop();
    const later = await lineage.agent(memory.store());
    await later.resolve("tools").getAccessToken({ forceRefresh: true });
    const redemptions = lineage.redemptions();
    expect(redemptions.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
    expect(redemptions[0]?.token).toBe(lineage.seed);
    expect(new Set(redemptions.map(({ token }) => token)).size).toBe(5);
  });

  test("of a server that replaces nothing goes on with the seed", async () => {
    const lineage = await startLineage({ rotate: false });
    const auth = await lineage.agent(sharedMemory().store());
    await auth.resolve("tools").getAccessToken();
    await auth.resolve("tools").getAccessToken({ forceRefresh: true });
    expect(new Set(lineage.redemptions().map(({ token }) => token))).toEqual(new Set([lineage.seed]));
  });

  test("of many processes at once: one at a time redeems, and nothing is redeemed twice", async () => {
    const lineage = await startLineage();
    const memory = sharedMemory();
    const agents = await Promise.all(Array.from({ length: 8 }, () => lineage.agent(memory.store())));
    const tokens = await Promise.all(agents.map((auth) => auth.resolve("tools").getAccessToken()));
    expect(new Set(tokens).size).toBe(1);
    await Promise.all(agents.map((auth) => auth.resolve("tools").getAccessToken({ forceRefresh: true })));
    const redemptions = lineage.redemptions();
    expect(redemptions.length).toBe(9);
    expect(redemptions.every(({ status }) => status === 200)).toBe(true);
    expect(new Set(redemptions.map(({ token }) => token)).size).toBe(9);
  });

  test("a changed seed wins over what is stored", async () => {
    const lineage = await startLineage();
    const memory = sharedMemory();
    const first = await lineage.agent(memory.store());
    await first.resolve("tools").getAccessToken();
    const { issuer, mcp } = lineage;
    const seed = await issuer.issueRefreshToken({ clientId: "agent", resource: mcp.url, scope: "use" });
    const second = await lineage.agent(memory.store(), { SECRET: agentSecret, SEED: seed });
    await second.resolve("tools").getAccessToken();
    expect(lineage.redemptions().map(({ token }) => token)).toEqual([lineage.seed, seed]);
  });

  test("one that the server takes no more says where a new one goes", async () => {
    const lineage = await startLineage();
    const auth = await lineage.agent(sharedMemory().store(), { SECRET: agentSecret, SEED: "none-of-theirs" });
    const error = await auth
      .resolve("tools")
      .getAccessToken()
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "token_request_rejected", oauthError: "invalid_grant" });
    expect(String(error)).toContain('put it where the grant\'s "refreshToken" is read');
    expect(String(error)).not.toContain("none-of-theirs");
  });

  test("with the store in memory the config is invalid", async () => {
    const { config } = await startLineage();
    await expect(runtime({ config, env: {} })).rejects.toMatchObject({
      code: "config_invalid",
      violations: [{ pointer: "/servers/tools/grant/type" }],
    });
  });
});

describe("when things go wrong", () => {
  /** What is in the store, opened with the help of another agent's eyes: how often it was written. */
  test("without the store nothing is redeemed", async () => {
    const lineage = await startLineage();
    const fails = () => Promise.reject(new Error("down"));
    const config = { ...lineage.config, defaults: { retry: { attempts: 1 } } };
    const store = sharedMemory().store({ get: fails, set: fails, withLock: fails });
    const auth = await runtime({ config, env: { SECRET: agentSecret, SEED: lineage.seed }, store });
    await expect(auth.resolve("tools").getAccessToken()).rejects.toMatchObject({
      code: "store_unavailable",
      server: "tools",
      retryable: true,
    });
    expect(lineage.redemptions()).toEqual([]);
  });

  test("what could not be written is not handed out, nor redeemed again: it is written first", async () => {
    const lineage = await startLineage();
    const memory = sharedMemory();
    const whole = memory.store();
    let refusals = 0;
    const store = memory.store({
      async set(key, value, options) {
        // Each redemption says first that it will, and then what came of it.
        if (key.startsWith("refresh.") && lineage.redemptions().length === 1 && refusals < 3) {
          refusals += 1;
          throw new Error("down");
        }
        return await whole.set(key, value, options);
      },
    });
    const auth = await lineage.agent(store);
    const manager = auth.resolve("tools");
    await manager.getAccessToken();
    expect([refusals, lineage.redemptions().length]).toEqual([3, 1]);
    await manager.getAccessToken({ forceRefresh: true });
    const redemptions = lineage.redemptions();
    expect(redemptions.map(({ status }) => status)).toEqual([200, 200]);
    expect(new Set(redemptions.map(({ token }) => token)).size).toBe(2);
  });

  test("a call that has to end while the server is at work leaves the outcome to be written", async () => {
    const lineage = await startLineage();
    const memory = sharedMemory();
    const config = { ...lineage.config, defaults: { deadline: "2s" } };
    const env = { SECRET: agentSecret, SEED: lineage.seed };
    const gate = deferred<void>();
    const answered = deferred<void>();
    const clock = fakeClock(Date.now());
    // The answer takes longer than the call may.
    const slow: typeof fetch = async (input, init) => {
      const response = await fetch(input, init);
      if (init?.method === "POST") {
        answered.resolve();
        await gate.promise;
      }
      return response;
    };
    const auth = await runtime({ config, env, store: memory.store(), fetch: slow, clock });
    const call = failure(auth.resolve("tools").getAccessToken());
    await answered.promise;
    await clock.advance(2_000);
    expect((await call).code).toBe("timeout");
    gate.resolve();
    const other = await lineage.agent(memory.store());
    await other.resolve("tools").getAccessToken();
    const redemptions = lineage.redemptions();
    expect(redemptions.map(({ status }) => status)).toEqual([200, 200]);
    expect(new Set(redemptions.map(({ token }) => token)).size).toBe(2);
  });

  test("a reload of anything but the store keeps what is still to be written", async () => {
    const lineage = await startLineage();
    const memory = sharedMemory();
    const whole = memory.store();
    let isOver = false;
    const store = memory.store({
      async set(key, value, options) {
        if (!isOver && lineage.redemptions().length === 1) throw new Error("down");
        return await whole.set(key, value, options);
      },
    });
    const folder = await mkdtemp(join(tmpdir(), "mcp-auth-reload-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const file = join(folder, "mcp-auth.config.json");
    const defaults = { deadline: "5s" };
    await writeFile(file, JSON.stringify({ ...lineage.config, defaults }));
    const env = { SECRET: agentSecret, SEED: lineage.seed };
    const auth = await runtime<string>({ config: file, env, store });
    await expect(auth.resolve("tools").getAccessToken()).rejects.toMatchObject({ code: "timeout" });
    const network = { allowInsecureHttp: ["elsewhere.example"] };
    await writeFile(file, JSON.stringify({ ...lineage.config, network }));
    await auth.reload();
    const later = auth.resolve("tools").getAccessToken({ forceRefresh: true });
    isOver = true;
    await later;
    const redemptions = lineage.redemptions();
    expect(redemptions.map(({ status }) => status)).toEqual([200, 200]);
    expect(new Set(redemptions.map(({ token }) => token)).size).toBe(2);
  });

  test("a server in trouble is asked again with the same one", async () => {
    const lineage = await startLineage();
    lineage.issuer.failNext(2, 503);
    const auth = await lineage.agent(sharedMemory().store());
    await auth.resolve("tools").getAccessToken();
    expect(lineage.redemptions().map(({ status }) => status)).toEqual([503, 503, 200]);
  });

  test("an entry that does not open is left in place, and nothing is redeemed", async () => {
    const lineage = await startLineage();
    const memory = sharedMemory();
    const first = await lineage.agent(memory.store());
    await first.resolve("tools").getAccessToken();
    const [key] = [...memory.data.entries.keys()].filter((each) => each.startsWith("refresh."));
    memory.data.entries.set(key ?? "", { value: "damaged", expiresAt: Number.POSITIVE_INFINITY });
    const second = await lineage.agent(memory.store());
    await expect(second.resolve("tools").getAccessToken({ forceRefresh: true })).rejects.toMatchObject({
      code: "store_unavailable",
      retryable: false,
    });
    expect(memory.data.entries.get(key ?? "")?.value).toBe("damaged");
    expect(lineage.redemptions().length).toBe(1);
  });

  test("an entry of a later version is left in place", async () => {
    const lineage = await startLineage();
    const memory = sharedMemory();
    const store = () => memory.store({ encryptionKeys: false });
    const first = await lineage.agent(store());
    await first.resolve("tools").getAccessToken();
    const entry = [...memory.data.entries].find(([key]) => key.startsWith("refresh."));
    const fields = parseJsonObject(entry?.[1].value ?? "");
    expect(fields).toEqual({ v: 1, refreshToken: expect.any(String) });
    const later = JSON.stringify({ ...fields, v: 2 });
    memory.data.entries.set(entry?.[0] ?? "", { value: later, expiresAt: Number.POSITIVE_INFINITY });
    const second = await lineage.agent(store());
    await expect(second.resolve("tools").getAccessToken({ forceRefresh: true })).rejects.toMatchObject({
      code: "store_unavailable",
    });
  });

  test("what another process says it redeems is waited for until its time is over", async () => {
    const lineage = await startLineage();
    const memory = sharedMemory();
    const store = () => memory.store({ encryptionKeys: false });
    const first = await lineage.agent(store());
    await first.resolve("tools").getAccessToken();
    const [key, entry] = [...memory.data.entries].find(([name]) => name.startsWith("refresh.")) ?? [];
    if (key === undefined || entry === undefined) throw new Error("Nothing is stored.");
    const fields = parseJsonObject(entry.value);
    const over = Date.now() + 1_000;
    const since = retention - (entry.expiresAt - Date.now());
    const value = JSON.stringify({ ...fields, inFlightFor: 1_000 + since });
    memory.data.entries.set(key, { ...entry, value });
    const second = await lineage.agent(store());
    await second.resolve("tools").getAccessToken({ forceRefresh: true });
    expect(Date.now()).toBeGreaterThanOrEqual(over);
    expect(lineage.redemptions().map(({ status }) => status)).toEqual([200, 200]);
  });
});
