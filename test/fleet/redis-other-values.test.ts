// Values that another program has written under the keys of the store.
import { randomBytes } from "node:crypto";
import { createClient } from "redis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../src/lib/secret.js";
import { createRedisStore } from "../../src/stores/redis.js";
import { SharedStore } from "../../src/stores/shared-store.js";
import type { TokenStore } from "../../src/stores/store.js";
import { createTestManager, sendToken, startScriptedIssuer } from "../integration/harness.js";
import { entryName } from "../support/entry-names.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";

const key = entryName("a");
const redisKey = (part: string): string => `test:{${key}}:${part}`;

let redis: RedisServer;
let store: TokenStore;
let client: Awaited<ReturnType<typeof connectTo>>;

async function connectTo(url: string) {
  return await createClient({ url }).connect();
}

beforeAll(async () => {
  redis = await startRedis();
  client = await connectTo(redis.url);
  store = createRedisStore({ address: async () => ({ url: new Secret(redis.url) }), prefix: "test:" });
});
afterAll(async () => {
  await store?.close();
  client?.destroy();
  await redis?.stop();
});
beforeEach(async () => void (await client.flushAll()));

describe("a value of another type under the key of an entry", () => {
  test("a value of another type is reported as unreadable, and quarantine deletes it", async () => {
    const secret = new Secret(randomBytes(32).toString("base64url"));
    const shared = new SharedStore({ store, keys: async () => [secret], lease: 10_000 });
    await client.lPush(redisKey("value"), "theirs");
    const found = await shared.read(key);
    expect(found).toEqual({ kind: "unreadable", raw: "" });
    await shared.quarantine(key, "");
    expect(await shared.read(key)).toEqual({ kind: "absent" });
  });

  test("a value of another type is listed and deleted like any entry", async () => {
    await client.sAdd(redisKey("value"), "theirs");
    expect(await store.keys("")).toEqual([key]);
    await store.delete(key);
    expect(await store.keys("")).toEqual([]);
  });

  test("a value of another type is overwritten", async () => {
    await client.hSet(redisKey("value"), "a", "theirs");
    expect(await store.set(key, "ours", { expiresIn: 60_000 })).toBe(true);
    expect((await store.get(key))?.value).toBe("ours");
  });

  test("a value of another type under the key of an entry costs an agent one token request, and no more after that", async () => {
    let count = 0;
    const issuer = await startScriptedIssuer((_request, response) => {
      count += 1;
      sendToken(response, `t${count}`, 3_600);
    });
    const env = { ...issuer.env, REDIS_URL: redis.url, KEY: randomBytes(32).toString("base64url") };
    const shared = { type: "redis", url: { env: "REDIS_URL" }, encryptionKey: { env: "KEY" } } as const;
    const config = { ...issuer.config, store: shared };
    const first = await createTestManager({ config, env });
    await first.manager.getAccessToken();
    await first.auth.stop();
    const names = await client.keys("*token.*:value");
    expect(names.length).toBe(1);
    await client.del(names);
    await client.lPush(names[0] ?? "", "theirs");
    for (const process of ["second", "third"]) {
      const later = await createTestManager({ config, env });
      expect(await later.manager.getAccessToken(), process).toBe("t2");
      await later.auth.stop();
    }
  });
});

test("Redis does not send a value that is too long", async () => {
  await client.set(redisKey("value"), "x".repeat(5_000_000));
  expect(await store.get(key)).toEqual({ value: "" });
  expect(await store.compareAndDelete(key, "")).toBe(true);
  expect(await store.get(key)).toBeUndefined();
});

describe("another value in place of the lock of an entry", () => {
  test.each([
    ["a list", async () => void (await client.lPush(redisKey("lock"), "theirs"))],
    [
      "a list with an expiry",
      async () => {
        await client.lPush(redisKey("lock"), "theirs");
        await client.expire(redisKey("lock"), 1_000_000);
      },
    ],
    ["a string without an expiry", async () => void (await client.set(redisKey("lock"), "theirs"))],
  ])("%s in place of the lock does not block the entry", async (_name, put) => {
    await put();
    const locked = await store.withLock(key, 600, ({ fence }) => store.set(key, "ours", { fence }));
    expect(locked).toEqual({ acquired: true, value: true });
    expect(await client.exists(redisKey("lock"))).toBe(0);
  });

  test("a list that replaces a held lock ends that lock", async () => {
    const locked = await store.withLock(key, 300, async ({ signal }) => {
      await client.del(redisKey("lock"));
      await client.lPush(redisKey("lock"), "theirs");
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    });
    expect(locked.acquired).toBe(true);
  });
});

test.each([
  ["a list", async () => void (await client.lPush(redisKey("fence"), "theirs"))],
  ["a word", async () => void (await client.set(redisKey("fence"), "theirs"))],
])("%s in place of the fence of an entry counts as a missing fence", async (_name, put) => {
  await put();
  expect(await store.set(key, "ours", { fence: 1 })).toBe(true);
  const locked = await store.withLock(key, 600, ({ fence }) => store.set(key, "newer", { fence }));
  expect(locked).toEqual({ acquired: true, value: true });
  expect((await store.get(key))?.value).toBe("newer");
});
