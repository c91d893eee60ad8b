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
import { type Fleet, passIn, type Seen, startFleet } from "./fleet.js";

const size = 50;
/** Seconds. */
const lifetime = 3_600;
const lifetimeOfSdk = 6;
/** Milliseconds after which a token of that lifetime is renewed by everybody, four minutes before it is unusable. */
const due = 3_300_000;
const expiries = 10;
const expiriesDown = 3;

interface Setting extends World {
  readonly redis: RedisServer;
  readonly config: McpAuthConfig<"tools">;
  readonly env: Readonly<Record<string, string>>;
}

async function setting(store: "redis" | "memory" = "redis", seconds = lifetime): Promise<Setting> {
  const redis = await startRedis(["--appendonly", "yes"]);
  onTestFinished(() => redis.stop());
  const world = await startWorld({ lifetime: seconds });
  const encryptionKey = { env: "STORE_KEY" };
  // A busy machine may take its time for fifty requests at once.
  const defaults = { timeout: "1m", deadline: "5m" } as const;
  const kept = { type: "redis", url: { env: "REDIS_URL" }, encryptionKey } as const;
  const env = { ...world.env, STORE_KEY: randomBytes(32).toString("base64url"), REDIS_URL: redis.url };
  return {
    ...world,
    redis,
    env,
    config: { ...world.config, defaults, ...(store === "redis" && { store: kept }) },
  };
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

/** Time passes, in every process and in redis, until each token is due; done when each process has another one. */
async function expire(fleet: Fleet, redis?: RedisServer): Promise<void> {
  const before = new Set((await fleet.present()).map(({ token }) => token));
  if (redis !== undefined) await passIn(redis, due);
  await fleet.pass(due);
  const kept = async () => (await fleet.present()).filter(({ token }) => before.has(token));
  await expect.poll(kept, { interval: 200 }).toEqual([]);
}

test(`${size} processes, cold at the same moment, ask once; and once for each expiry`, async () => {
  const world = await setting();
  const { tokenRequests } = world.issuer;
  const fleet = await fleetOf(world);
  await fleet.go();
  expect(tokenRequests.length).toBe(1);
  figure("cold, with redis", tokenRequests.length);
  for (let expiry = 1; expiry <= expiries; expiry += 1) {
    await expire(fleet, world.redis);
    // No expiry is asked for twice, though all of them notice it at the same moment.
    expect(tokenRequests.length).toBe(1 + expiry);
    expect(new Set((await fleet.present()).map(({ token }) => token)).size).toBe(1);
  }
  const seen = await fleet.report();
  expect(failuresIn(seen)).toEqual([]);
  expect(seen.reduce((sum, { renewals }) => sum + renewals, 0)).toBe(1 + expiries);
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
  for (let expiry = 0; expiry < 2; expiry += 1) await expire(fleet, world.redis);
  expect(tokenRequests.length).toBe(3);
  await world.redis.kill();
  let asked = (await fleet.present()).map(({ renewals }) => renewals);
  for (let expiry = 0; expiry < expiriesDown; expiry += 1) {
    await expire(fleet);
    const now = (await fleet.present()).map(({ renewals }) => renewals);
    // Each asks for itself, and nobody twice: fifty an expiry.
    expect(now).toEqual(asked.map((renewals) => renewals + 1));
    asked = now;
  }
  const during = tokenRequests.length - 3;
  expect(during).toBe(size * expiriesDown);
  await world.redis.restart();
  await passIn(world.redis, expiriesDown * due);
  // Once it is back they are one client again.
  for (let expiry = 1; expiry <= expiriesDown; expiry += 1) {
    await expire(fleet, world.redis);
    expect(tokenRequests.length).toBe(3 + during + expiry);
  }
  const seen = await fleet.report();
  expect(failuresIn(seen)).toEqual([]);
  // Every process knew of it, and said so once.
  expect(new Set(seen.map(({ down }) => down))).toEqual(new Set([1]));
  figure("requests an expiry while redis is down", during / expiriesDown);
  figure("requests an expiry after it is back", (tokenRequests.length - 3 - during) / expiriesDown);
});

test("the same fleet without a store asks fifty times, and fifty times for each expiry", async () => {
  const world = await setting("memory");
  const { tokenRequests } = world.issuer;
  const fleet = await fleetOf(world);
  await fleet.go();
  expect(tokenRequests.length).toBe(size);
  await expire(fleet);
  expect(tokenRequests.length).toBe(2 * size);
  const seen = await fleet.report();
  figure("cold, without a store", size);
  figure("an expiry, without a store", tokenRequests.length - size);
  figure("failed calls, without a store", failuresIn(seen).length);
});

test("the same fleet with the provider of the MCP SDK asks fifty times at least", async () => {
  // It knows nothing of time: a call is refused once the token has expired, by the time of this machine.
  const world = await setting("memory", lifetimeOfSdk);
  const { tokenRequests } = world.issuer;
  const fleet = await fleetOf(world, { PROVIDER: "sdk" });
  await fleet.go();
  const cold = tokenRequests.length;
  expect(cold).toBeGreaterThanOrEqual(size);
  await new Promise((resolve) => setTimeout(resolve, 2 * lifetimeOfSdk * 1_000));
  const seen = await fleet.report();
  figure("cold, with the MCP SDK's provider", cold);
  figure("an expiry, with the MCP SDK's provider", Math.round((tokenRequests.length - cold) / 2));
  figure("failed calls, with the MCP SDK's provider", failuresIn(seen).length);
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
