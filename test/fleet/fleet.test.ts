// Fifty processes that begin at the same moment, against a real redis-server and a real authorization server.
import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "redis";
import { expect, onTestFinished, test } from "vitest";
import type { McpAuthConfig } from "../../src/index.js";
import { startWorld, type World } from "../integration/harness.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { figure } from "./figures.js";
import { type Seen, startFleet } from "./fleet.js";

const size = 50;
/** Seconds. A token is renewed when 64 to 69 percent of it are over. */
const lifetime = 6;
const expiries = 10;

interface Setting extends World {
  readonly redis: RedisServer;
  readonly config: McpAuthConfig<"tools">;
  readonly env: Readonly<Record<string, string>>;
}

async function setting(store: "redis" | "memory" = "redis"): Promise<Setting> {
  const redis = await startRedis(["--appendonly", "yes"]);
  onTestFinished(() => redis.stop());
  const world = await startWorld({ lifetime });
  const encryptionKey = { env: "STORE_KEY" };
  const kept = { type: "redis", url: { env: "REDIS_URL" }, encryptionKey } as const;
  const env = { ...world.env, STORE_KEY: randomBytes(32).toString("base64url"), REDIS_URL: redis.url };
  return { ...world, redis, env, config: { ...world.config, ...(store === "redis" && { store: kept }) } };
}

async function fleetOf(
  { config, env }: Pick<Setting, "config" | "env">,
  more: Readonly<Record<string, string>> = {},
) {
  const fleet = await startFleet(size, config, { ...env, ...more });
  onTestFinished(() => fleet.kill());
  return fleet;
}

function failuresIn(seen: readonly Seen[]): readonly string[] {
  return seen.flatMap(({ failures }) => failures);
}

/** Milliseconds between each request and the next. */
function gaps(times: readonly number[]): readonly number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? time));
}

test(`${size} processes, cold at the same moment, ask once; and once for each expiry`, async () => {
  const world = await setting();
  const { tokenRequests } = world.issuer;
  const fleet = await fleetOf(world);
  await fleet.go();
  expect(tokenRequests.length).toBe(1);
  figure("cold, with redis", tokenRequests.length);
  await expect.poll(() => tokenRequests.length, { timeout: 90_000 }).toBe(1 + expiries);
  // What is in place now is in everybody's hands before it is stale itself.
  await new Promise((resolve) => setTimeout(resolve, lifetime * 300));
  const seen = await fleet.report();
  expect(failuresIn(seen)).toEqual([]);
  expect(tokenRequests.length).toBe(1 + expiries);
  // No expiry was asked for twice: the next request came when the token before was stale, and not sooner.
  for (const gap of gaps(tokenRequests.map(({ at }) => at))) expect(gap).toBeGreaterThan(lifetime * 550);
  const latest = new Set(seen.map(({ tokens }) => tokens.at(-1)));
  expect(latest.size).toBe(1);
  figure(`${expiries} expiries, with redis`, tokenRequests.length - 1);
  figure(
    "calls meanwhile",
    seen.reduce((sum, { calls }) => sum + calls, 0),
  );
  await nothingToRead(world.redis, seen);
});

test("with redis killed and started again meanwhile no call fails, and nobody asks more often than alone", async () => {
  const world = await setting();
  const { tokenRequests } = world.issuer;
  const fleet = await fleetOf(world);
  await fleet.go();
  const began = Date.now();
  const expiry = lifetime * 640;
  await expect.poll(() => tokenRequests.length, { timeout: 30_000 }).toBe(3);
  await world.redis.kill();
  const down = Date.now();
  await new Promise((resolve) => setTimeout(resolve, 3.5 * expiry));
  await world.redis.restart();
  const up = Date.now();
  await new Promise((resolve) => setTimeout(resolve, expiries * expiry - (up - began)));
  const seen = await fleet.report();
  expect(failuresIn(seen)).toEqual([]);
  // Every process knew of it, and said so once.
  expect(Math.max(...seen.map((one) => one.down))).toBe(1);
  // Nobody asked twice before the token that it had asked for was stale, whether the store was there or not: at most fifty an expiry.
  const shortest = Math.min(...seen.flatMap(({ renewals }) => gaps(renewals)));
  expect(shortest).toBeGreaterThan(lifetime * 550);
  const during = tokenRequests.filter(({ at }) => at >= down && at < up).length;
  expect(during).toBeLessThanOrEqual(size * Math.ceil((up - down) / expiry));
  // Once it is back they are one client again.
  const settled = tokenRequests.filter(({ at }) => at > up + 2 * expiry);
  const perExpiry = settled.length / Math.max(1, (Date.now() - up - 2 * expiry) / expiry);
  expect(perExpiry).toBeLessThan(3);
  figure("requests an expiry while redis is down", Math.round(during / ((up - down) / expiry)));
  figure("requests an expiry after it is back", Number(perExpiry.toFixed(1)));
});

test("the same fleet without a store, and with the provider of the MCP SDK", async () => {
  for (const [name, more] of [
    ["without a store", {}],
    ["with the MCP SDK's provider", { PROVIDER: "sdk" }],
  ] as const) {
    const world = await setting("memory");
    const { tokenRequests } = world.issuer;
    const fleet = await fleetOf(world, more);
    const cold = new Set(await fleet.go()).size;
    const before = tokenRequests.length;
    await new Promise((resolve) => setTimeout(resolve, 2 * lifetime * 1_000));
    const seen = await fleet.report();
    const isOurs = Object.keys(more).length === 0;
    // Ours renews when two thirds are over, the provider of the SDK after the token was refused.
    const times = isOurs ? 2 / 0.65 : 2;
    expect(cold).toBe(size);
    figure(`cold, ${name}`, cold);
    figure(`an expiry, ${name}`, Math.round((tokenRequests.length - before) / times));
    figure(`failed calls, ${name}`, failuresIn(seen).length);
  }
});

/** No token, whole or in part, in any form, in what redis holds or has written. */
async function nothingToRead(redis: RedisServer, seen: readonly Seen[]): Promise<void> {
  const tokens = new Set(seen.flatMap((one) => one.tokens));
  const forms = [...tokens].flatMap((token) => {
    // Its signature is what nobody else can know.
    const secret = token.split(".").at(-1) ?? token;
    return [token, secret, Buffer.from(secret).toString("base64"), Buffer.from(secret).toString("hex")];
  });
  const client = await createClient({ url: redis.url }).connect();
  const texts: string[] = [];
  for (const key of await client.keys("*")) texts.push(key, (await client.get(key)) ?? "");
  await client.sendCommand(["SAVE"]);
  client.destroy();
  for (const entry of await readdir(redis.folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) texts.push(await readFile(join(entry.parentPath, entry.name), "latin1"));
  }
  const bytes = texts.reduce((sum, { length }) => sum + length, 0);
  // It would have been there.
  expect(bytes).toBeGreaterThan(1_000);
  expect(forms.filter((form) => texts.some((text) => text.includes(form)))).toEqual([]);
  figure("bytes searched in redis", bytes);
}
