// The messages of failures of a real redis-server.
import { createClient } from "redis";
import { expect, onTestFinished, test } from "vitest";
import { Secret } from "../../src/lib/secret.js";
import { createRedisStore } from "../../src/stores/redis.js";
import { SharedStore } from "../../src/stores/shared-store.js";
import { freePort, startRedis } from "../support/redis-server.js";

const password = "hunter2-of-redis";

/** Writes to a store at the URL, and returns the failure. */
async function writeFailure(url: string) {
  const store = createRedisStore({ address: async () => ({ url: new Secret(url) }), prefix: "test:" });
  const shared = new SharedStore({ store, keys: false, lease: 10_000, kind: "redis" });
  onTestFinished(() => shared.close());
  const error = await shared.write("token.a", "value").then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(String(error)).not.toContain(password);
  expect(error).toMatchObject({ code: "store_unavailable", retryable: true });
  return { kind: shared.failure?.kind, message: String(error) };
}

/** Starts a server with these settings, and runs commands on it. */
async function startRedisWith(settings: readonly string[], ...commands: readonly (readonly string[])[]) {
  const redis = await startRedis(settings);
  onTestFinished(() => redis.stop());
  const client = await createClient({ url: redis.url }).connect();
  for (const command of commands) await client.sendCommand([...command]);
  client.destroy();
  const withUser = (user: string, secret: string) => redis.url.replace("//", `//${user}:${secret}@`);
  return { ...redis, withUser };
}

test("the message for a Redis that does not run says that it cannot be reached", async () => {
  const { kind, message } = await writeFailure(`redis://127.0.0.1:${await freePort()}`);
  expect([kind, message]).toEqual([
    "unreachable",
    expect.stringContaining("it cannot be reached (ECONNREFUSED)"),
  ]);
});

test("a Redis that does not answer is reported as a timeout", async () => {
  const redis = await startRedisWith([]);
  redis.suspend();
  expect((await writeFailure(redis.url)).kind).toBe("timeout");
});

test("the message for a refused Redis password says so, and does not show the password", async () => {
  const redis = await startRedisWith([], ["ACL", "SETUSER", "agent", "on", ">another", "~*", "&*", "+@all"]);
  const { kind, message } = await writeFailure(redis.withUser("agent", password));
  expect([kind, message]).toEqual([
    "refused",
    expect.stringContaining("rejected the user or password (WRONGPASS)"),
  ]);
});

test("the message for a missing Redis password says so", async () => {
  const redis = await startRedisWith([], ["CONFIG", "SET", "requirepass", password]);
  const { kind, message } = await writeFailure(redis.url);
  expect([kind, message]).toEqual([
    "refused",
    expect.stringContaining("rejected the user or password (NOAUTH)"),
  ]);
});

test.each([
  ["a command", ["~test:*", "-@all", "+ping", "+hello"]],
  ["a command of a script", ["~test:*", "-@all", "+ping", "+hello", "+eval", "+get"]],
  ["a key", ["~others:*", "+@all"]],
])("the message for a Redis user that may not use %s names the user as the reason", async (_name, rules) => {
  const redis = await startRedisWith([], ["ACL", "SETUSER", "agent", "on", `>${password}`, "&*", ...rules]);
  const { kind, message } = await writeFailure(redis.withUser("agent", password));
  expect([kind, message]).toEqual([
    "not_permitted",
    expect.stringContaining(
      "the Redis user has no permission for a command or key (NOPERM). Give that user the commands",
    ),
  ]);
});

test("the message for a Redis without free memory says so", async () => {
  const redis = await startRedisWith(
    ["--maxmemory-policy", "noeviction"],
    ["CONFIG", "SET", "maxmemory", "1"],
  );
  const { kind, message } = await writeFailure(redis.url);
  expect([kind, message]).toEqual(["full", expect.stringContaining("Redis has no memory left (OOM)")]);
});

test("the message for a Redis replica says that it accepts no writes", async () => {
  const primary = await startRedisWith([]);
  const replica = await startRedisWith([], ["REPLICAOF", "127.0.0.1", String(primary.port)]);
  const { kind, message } = await writeFailure(replica.url);
  expect([kind, message]).toEqual(["read_only", expect.stringContaining("accepts no writes (READONLY)")]);
});
