// What is said when a real redis-server does not do what it is asked.
import { createClient } from "redis";
import { expect, onTestFinished, test } from "vitest";
import { Secret } from "../../src/lib/secret.js";
import { createRedisStore } from "../../src/stores/redis.js";
import { SharedStore } from "../../src/stores/shared-store.js";
import { freePort, startRedis } from "../support/redis-server.js";

const password = "hunter2-of-redis";

/** What writing to a store at that URL fails of. */
async function failureAt(url: string) {
  const store = createRedisStore({ address: async () => ({ url: new Secret(url) }), prefix: "test:" });
  const shared = new SharedStore({ store, keys: false, lease: 10_000, isRedis: true });
  onTestFinished(() => shared.close());
  const error = await shared.write("token.a", "value").then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(String(error)).not.toContain(password);
  expect(error).toMatchObject({ code: "store_unavailable", retryable: true });
  return { kind: shared.failure?.kind, message: String(error) };
}

/** A server with these settings, on which some commands were run. */
async function redisWith(settings: readonly string[], ...commands: readonly (readonly string[])[]) {
  const redis = await startRedis(settings);
  onTestFinished(() => redis.stop());
  const client = await createClient({ url: redis.url }).connect();
  for (const command of commands) await client.sendCommand([...command]);
  client.destroy();
  const withUser = (user: string, secret: string) => redis.url.replace("//", `//${user}:${secret}@`);
  return { ...redis, withUser };
}

test("a server that is not there is named as one that cannot be reached", async () => {
  const { kind, message } = await failureAt(`redis://127.0.0.1:${await freePort()}`);
  expect([kind, message]).toEqual([
    "unreachable",
    expect.stringContaining("it cannot be reached (ECONNREFUSED)"),
  ]);
});

test("a server that does not answer is named as one", async () => {
  const redis = await redisWith([]);
  redis.suspend();
  expect((await failureAt(redis.url)).kind).toBe("timeout");
});

test("a password that is refused is named, and not shown", async () => {
  const redis = await redisWith([], ["ACL", "SETUSER", "agent", "on", ">another", "~*", "&*", "+@all"]);
  const { kind, message } = await failureAt(redis.withUser("agent", password));
  expect([kind, message]).toEqual([
    "refused",
    expect.stringContaining("rejected the user or password (WRONGPASS)"),
  ]);
});

test("a password that is missing is named", async () => {
  const redis = await redisWith([], ["CONFIG", "SET", "requirepass", password]);
  const { kind, message } = await failureAt(redis.url);
  expect([kind, message]).toEqual([
    "refused",
    expect.stringContaining("rejected the user or password (NOAUTH)"),
  ]);
});

test.each([
  ["a command", ["~test:*", "-@all", "+ping", "+hello"]],
  ["a command of a script", ["~test:*", "-@all", "+ping", "+hello", "+eval", "+get"]],
  ["a key", ["~others:*", "+@all"]],
])("a user that may not use %s is named as the reason", async (_name, rules) => {
  const redis = await redisWith([], ["ACL", "SETUSER", "agent", "on", `>${password}`, "&*", ...rules]);
  const { kind, message } = await failureAt(redis.withUser("agent", password));
  expect([kind, message]).toEqual([
    "not_permitted",
    expect.stringContaining(
      "the Redis user has no permission for a command or key (NOPERM). Give that user the commands",
    ),
  ]);
});

test("a server that has no memory left is named as full", async () => {
  const redis = await redisWith(["--maxmemory-policy", "noeviction"], ["CONFIG", "SET", "maxmemory", "1"]);
  const { kind, message } = await failureAt(redis.url);
  expect([kind, message]).toEqual(["full", expect.stringContaining("Redis has no memory left (OOM)")]);
});

test("a replica is named as one", async () => {
  const primary = await redisWith([]);
  const replica = await redisWith([], ["REPLICAOF", "127.0.0.1", String(primary.port)]);
  const { kind, message } = await failureAt(replica.url);
  expect([kind, message]).toEqual(["read_only", expect.stringContaining("accepts no writes (READONLY)")]);
});
