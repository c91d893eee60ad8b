// A redis-server that runs, but does not work.
import { fork } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { createClient } from "redis";
import { expect, onTestFinished, test } from "vitest";
import { Secret } from "../../src/lib/secret.js";
import { createRedisStore } from "../../src/stores/redis.js";
import { turn } from "../faults/patience.js";
import { createTestManager, recordEvents, sendToken, startScriptedIssuer } from "../integration/harness.js";
import { measureFakeSeconds } from "../integration/measure-fake-seconds.js";
import { liveClock } from "../support/live-clock.js";
import { freePort, type RedisServer, startRedis } from "../support/redis-server.js";

async function startServer(...settings: readonly string[]): Promise<RedisServer> {
  const server = await startRedis(settings);
  onTestFinished(() => server.stop());
  return server;
}

/** An agent with a Redis store, and tokens that live `lifetime` seconds. */
async function startAgent(
  { url }: Pick<RedisServer, "url">,
  lifetime = 3_600,
  onTokenRequest: () => void = () => {},
) {
  let count = 0;
  const issuer = await startScriptedIssuer((_request, response) => {
    count += 1;
    onTokenRequest();
    sendToken(response, `t${count}`, lifetime);
  });
  const env = { ...issuer.env, REDIS_URL: url, KEY: randomBytes(32).toString("base64url") };
  const store = { type: "redis", url: { env: "REDIS_URL" }, encryptionKey: { env: "KEY" } } as const;
  const config = { ...issuer.config, store, defaults: { timeout: "2s", deadline: "6s" } };
  const time = liveClock();
  const { clock, fetch } = time;
  return { ...issuer, config, env, time, ...(await createTestManager({ config, env }, { clock, fetch })) };
}

test("a Redis that stops answering during a token request blocks neither that call, nor the next, nor stop()", async () => {
  const redis = await startServer();
  const { manager, auth, time, tokenRequests } = await startAgent(redis, 3_600, () => redis.suspend());
  expect(await measureFakeSeconds(time, () => manager.getAccessToken())).toBeLessThan(4);
  expect(await manager.getAccessToken()).toBe("t1");
  expect(await measureFakeSeconds(time, () => manager.getAccessToken({ forceRefresh: true }))).toBeLessThan(
    6,
  );
  expect(tokenRequests().length).toBe(2);
  expect(await measureFakeSeconds(time, () => auth.stop())).toBeLessThan(5);
});

test("a Redis that does not answer from the start delays the first call by a few seconds, once", async () => {
  const redis = await startServer();
  redis.suspend();
  const { manager, auth, time } = await startAgent(redis);
  const down: unknown[] = [];
  auth.on("store:down", (event) => down.push(event));
  expect(await measureFakeSeconds(time, () => manager.getAccessToken())).toBeLessThan(6);
  expect(down.length).toBe(1);
  expect(await measureFakeSeconds(time, () => auth.stop())).toBeLessThan(4);
});

test("a connection to Redis that was dropped silently is replaced", async () => {
  const redis = await startServer();
  const port = await freePort();
  let isCut = false;
  const sockets = new Set<Socket>();
  const relay = createServer((inward) => {
    const outward = connect(redis.port, "127.0.0.1");
    // A connection from before the cut stays open, but forwards nothing any more.
    const wasCut = isCut;
    for (const [from, to] of [
      [inward, outward],
      [outward, inward],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("data", (chunk) => void (isCut === wasCut && to.write(chunk)));
    }
  });
  relay.listen(port, "127.0.0.1");
  await once(relay, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    relay.close();
  });
  const address = { url: new Secret(`redis://127.0.0.1:${port}`) };
  const store = createRedisStore({ address: async () => address, prefix: "test:" });
  onTestFinished(() => store.close());
  await store.set("key", "value");
  isCut = true;
  await expect(store.get("key")).rejects.toThrow();
  expect(await store.get("key")).toEqual({ value: "value" });
});

test.each([
  ["is full", ["CONFIG", "SET", "maxmemory", "1"]],
  ["is a replica", ["REPLICAOF", "127.0.0.1", "1"]],
])("a Redis that %s is reported as down once, and no call fails", async (_name, command) => {
  const redis = await startServer();
  const admin = createClient({ url: redis.url });
  await admin.connect();
  onTestFinished(() => void admin.destroy());
  const { manager, auth, time, tokenRequests } = await startAgent(redis, 3);
  const down: unknown[] = [];
  auth.on("store:down", (event) => down.push(event));
  const events = recordEvents(auth);
  await admin.sendCommand(command);
  for (let passed = 0; passed < 8_000; passed += 100) {
    expect(await manager.getAccessToken()).toMatch(/^t\d+$/);
    for (let turns = 0; turns < 3; turns += 1) await turn();
    await time.advance(100);
  }
  expect(tokenRequests().length).toBeGreaterThan(2);
  expect(down.length).toBe(1);
  expect(events.filter(({ event }) => event === "token:failed")).toEqual([]);
});

test("an idle connection to Redis does not keep a process alive", async () => {
  const redis = await startServer();
  const agent = await startAgent(redis);
  const script = fileURLToPath(new URL("one-shot.mjs", import.meta.url));
  const env = { ...process.env, ...agent.env, FLEET_CONFIG: JSON.stringify(agent.config) };
  const child = fork(script, [String(redis.port)], { env });
  const ended = once(child, "exit");
  const [token] = await once(child, "message");
  const [connections] = await once(child, "message");
  await ended;
  expect(token).toBe("t1");
  // The process ended before the idle connection was closed.
  expect(connections).toEqual(["open"]);
});
