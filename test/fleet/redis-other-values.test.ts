// What something else has put under the keys of the store.
import { randomBytes } from "node:crypto";
import { createClient } from "redis";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Secret } from "../../src/lib/secret.js";
import { createRedisStore } from "../../src/stores/redis.js";
import { SharedStore } from "../../src/stores/shared-store.js";
import type { TokenStore } from "../../src/stores/store.js";
import { managerOf, ownIssuer, sendToken } from "../integration/harness.js";
import { entryName } from "../support/entry-names.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";

const key = entryName("a");
const named = (what: string): string => `test:{${key}}:${what}`;

let redis: RedisServer;
let store: TokenStore;
let client: Awaited<ReturnType<typeof connected>>;

async function connected(url: string) {
  return await createClient({ url }).connect();
}

beforeAll(async () => {
  redis = await startRedis();
  client = await connected(redis.url);
  store = createRedisStore({ address: async () => ({ url: new Secret(redis.url) }), prefix: "test:" });
});
afterAll(async () => {
  await store?.close();
  client?.destroy();
  await redis?.stop();
});
beforeEach(async () => void (await client.flushAll()));

describe("a value of another type under the key of an entry", () => {
  test("does not open, and is deleted where that is to be", async () => {
    const secret = new Secret(randomBytes(32).toString("base64url"));
    const shared = new SharedStore({ store, keys: async () => [secret], lease: 10_000 });
    await client.lPush(named("value"), "theirs");
    const found = await shared.read(key);
    expect(found).toEqual({ kind: "unreadable", raw: "" });
    await shared.quarantine(key, "");
    expect(await shared.read(key)).toEqual({ kind: "absent" });
  });

  test("is listed and deleted with all others", async () => {
    await client.sAdd(named("value"), "theirs");
    expect(await store.keys("")).toEqual([key]);
    await store.delete(key);
    expect(await store.keys("")).toEqual([]);
  });

  test("is written over", async () => {
    await client.hSet(named("value"), "a", "theirs");
    expect(await store.set(key, "ours", { expiresIn: 60_000 })).toBe(true);
    expect((await store.get(key))?.value).toBe("ours");
  });

  test("costs an agent one request, and no more from then on", async () => {
    let count = 0;
    const issuer = await ownIssuer((_request, response) => {
      count += 1;
      sendToken(response, `t${count}`, 3_600);
    });
    const env = { ...issuer.env, REDIS_URL: redis.url, KEY: randomBytes(32).toString("base64url") };
    const shared = { type: "redis", url: { env: "REDIS_URL" }, encryptionKey: { env: "KEY" } } as const;
    const config = { ...issuer.config, store: shared };
    const first = await managerOf({ config, env });
    await first.manager.getAccessToken();
    await first.auth.stop();
    const names = await client.keys("*token.*:value");
    expect(names.length).toBe(1);
    await client.del(names);
    await client.lPush(names[0] ?? "", "theirs");
    for (const process of ["second", "third"]) {
      const later = await managerOf({ config, env });
      expect(await later.manager.getAccessToken(), process).toBe("t2");
      await later.auth.stop();
    }
  });
});

test("of a value that is too long nothing is sent", async () => {
  await client.set(named("value"), "x".repeat(5_000_000));
  expect(await store.get(key)).toEqual({ value: "" });
  expect(await store.compareAndDelete(key, "")).toBe(true);
  expect(await store.get(key)).toBeUndefined();
});

describe("something else in place of the lock of an entry", () => {
  test.each([
    ["a list", async () => void (await client.lPush(named("lock"), "theirs"))],
    [
      "a list that ends some day",
      async () => {
        await client.lPush(named("lock"), "theirs");
        await client.expire(named("lock"), 1_000_000);
      },
    ],
    ["a text that never ends", async () => void (await client.set(named("lock"), "theirs"))],
  ])("%s does not hold it for ever", async (_name, put) => {
    await put();
    const locked = await store.withLock(key, 600, ({ fence }) => store.set(key, "ours", { fence }));
    expect(locked).toEqual({ acquired: true, value: true });
    expect(await client.exists(named("lock"))).toBe(0);
  });

  test("a list that takes the place of a lock which is held ends it", async () => {
    const locked = await store.withLock(key, 300, async ({ signal }) => {
      await client.del(named("lock"));
      await client.lPush(named("lock"), "theirs");
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    });
    expect(locked.acquired).toBe(true);
  });
});

test.each([
  ["a list", async () => void (await client.lPush(named("fence"), "theirs"))],
  ["a word", async () => void (await client.set(named("fence"), "theirs"))],
])("%s in place of the fence of an entry counts as a lost one", async (_name, put) => {
  await put();
  expect(await store.set(key, "ours", { fence: 1 })).toBe(true);
  const locked = await store.withLock(key, 600, ({ fence }) => store.set(key, "newer", { fence }));
  expect(locked).toEqual({ acquired: true, value: true });
  expect((await store.get(key))?.value).toBe("newer");
});
