// A redis-server that is there and does not do what it should.
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
import { listen, liveClock, managerOf, ownIssuer, sendToken } from "../integration/harness.js";
import { secondsNeeded } from "../integration/seconds-needed.js";
import { freePort, type RedisServer, startRedis } from "../support/redis-server.js";

async function started(...settings: readonly string[]): Promise<RedisServer> {
  const server = await startRedis(settings);
  onTestFinished(() => server.stop());
  return server;
}

/** An agent whose tokens live so many seconds, over a redis-server. */
async function agentOver(
  { url }: Pick<RedisServer, "url">,
  lifetime = 3_600,
  onAsked: () => void = () => {},
) {
  let count = 0;
  const issuer = await ownIssuer((_request, response) => {
    count += 1;
    onAsked();
    sendToken(response, `t${count}`, lifetime);
  });
  const env = { ...issuer.env, REDIS_URL: url, KEY: randomBytes(32).toString("base64url") };
  const store = { type: "redis", url: { env: "REDIS_URL" }, encryptionKey: { env: "KEY" } } as const;
  const config = { ...issuer.config, store, defaults: { timeout: "2s", deadline: "6s" } };
  const time = liveClock();
  const { clock, fetch } = time;
  return { ...issuer, config, env, time, ...(await managerOf({ config, env }, { clock, fetch })) };
}

test("one that stops while a token is asked for holds up neither the call, nor the next, nor the end", async () => {
  const redis = await started();
  const { manager, auth, time, tokenRequests } = await agentOver(redis, 3_600, () => redis.suspend());
  expect(await secondsNeeded(time, () => manager.getAccessToken())).toBeLessThan(4);
  expect(await manager.getAccessToken()).toBe("t1");
  expect(await secondsNeeded(time, () => manager.getAccessToken({ forceRefresh: true }))).toBeLessThan(6);
  expect(tokenRequests().length).toBe(2);
  expect(await secondsNeeded(time, () => auth.stop())).toBeLessThan(5);
});

test("one that stops before anything is asked costs a few seconds, once", async () => {
  const redis = await started();
  redis.suspend();
  const { manager, auth, time } = await agentOver(redis);
  const down: unknown[] = [];
  auth.on("store:down", (event) => down.push(event));
  expect(await secondsNeeded(time, () => manager.getAccessToken())).toBeLessThan(6);
  expect(down.length).toBe(1);
  expect(await secondsNeeded(time, () => auth.stop())).toBeLessThan(4);
});

test("a connection that was cut without a word is replaced", async () => {
  const redis = await started();
  const port = await freePort();
  let isCut = false;
  const sockets = new Set<Socket>();
  const between = createServer((inward) => {
    const outward = connect(redis.port, "127.0.0.1");
    // What was open when it was cut goes on as if nothing were: nothing comes through, and nobody is told.
    const cutWith = isCut;
    for (const [from, to] of [
      [inward, outward],
      [outward, inward],
    ] as const) {
      sockets.add(from);
      from.on("error", () => {});
      from.on("data", (chunk) => void (isCut === cutWith && to.write(chunk)));
    }
  });
  between.listen(port, "127.0.0.1");
  await once(between, "listening");
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    between.close();
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
])("one that %s is said to be down once, and no call fails", async (_name, spoil) => {
  const redis = await started();
  const admin = createClient({ url: redis.url });
  await admin.connect();
  onTestFinished(() => void admin.destroy());
  const { manager, auth, time, tokenRequests } = await agentOver(redis, 3);
  const down: unknown[] = [];
  auth.on("store:down", (event) => down.push(event));
  const heard = listen(auth);
  await admin.sendCommand(spoil);
  for (let passed = 0; passed < 8_000; passed += 100) {
    expect(await manager.getAccessToken()).toMatch(/^t\d+$/);
    for (let turns = 0; turns < 3; turns += 1) await turn();
    await time.advance(100);
  }
  expect(tokenRequests().length).toBeGreaterThan(2);
  expect(down.length).toBe(1);
  expect(heard.filter(({ event }) => event === "token:failed")).toEqual([]);
});

test("a process that has its token is not kept alive by the connection", async () => {
  const redis = await started();
  const agent = await agentOver(redis);
  const script = fileURLToPath(new URL("one-shot.mjs", import.meta.url));
  const env = { ...process.env, ...agent.env, FLEET_CONFIG: JSON.stringify(agent.config) };
  const child = fork(script, [String(redis.port)], { env });
  const ended = once(child, "exit");
  const [token] = await once(child, "message");
  const [connections] = await once(child, "message");
  await ended;
  expect(token).toBe("t1");
  // It did not wait until what is idle was closed.
  expect(connections).toEqual(["open"]);
});
