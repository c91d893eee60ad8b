// Fifty processes that start at the same moment, with a real redis-server and a real authorization server.
import { randomBytes } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "redis";
import { expect, onTestFinished, test } from "vitest";
import type { McpAuthConfig } from "../../src/index.js";
import { startWorld, type World } from "../integration/harness.js";
import { type RedisServer, startRedis } from "../support/redis-server.js";
import { recordFigure } from "./figures.js";
import { type AgentReport, advanceRedis, type Fleet, startFleet } from "./fleet.js";

const size = 50;
/** Token lifetimes in seconds. */
const lifetime = 3_600;
const sdkLifetime = 6;
/** Milliseconds after which each process renews a token with that lifetime: four minutes before it becomes unusable. */
const renewalTime = 3_300_000;
const expiries = 10;
const expiriesDuringOutage = 3;

interface Setting extends World {
  readonly redis: RedisServer;
  readonly config: McpAuthConfig<"tools">;
  readonly env: Readonly<Record<string, string>>;
}

async function createSetting(store: "redis" | "memory" = "redis", seconds = lifetime): Promise<Setting> {
  const redis = await startRedis(["--appendonly", "yes"]);
  onTestFinished(() => redis.stop());
  const world = await startWorld({ lifetime: seconds });
  const encryptionKey = { env: "STORE_KEY" };
  // Fifty concurrent requests may take long on a busy machine.
  const defaults = { timeout: "1m", deadline: "5m" } as const;
  const redisStore = { type: "redis", url: { env: "REDIS_URL" }, encryptionKey } as const;
  const env = { ...world.env, STORE_KEY: randomBytes(32).toString("base64url"), REDIS_URL: redis.url };
  return {
    ...world,
    redis,
    env,
    config: { ...world.config, defaults, ...(store === "redis" && { store: redisStore }) },
  };
}

async function startFleetOf(
  { config, env }: Pick<Setting, "config" | "env">,
  extraEnv: Readonly<Record<string, string>> = {},
) {
  const fleet = await startFleet(size, config, { ...env, ...extraEnv });
  onTestFinished(() => fleet.kill());
  return fleet;
}

function failuresIn(reports: readonly AgentReport[]): readonly string[] {
  return reports.flatMap(({ failures }) => failures);
}

/**
 * Moves the time of each process and of Redis forward until all tokens are due, and waits until each process has a new
 * one.
 */
async function expireTokens(fleet: Fleet, redis?: RedisServer): Promise<void> {
  const previous = new Set((await fleet.current()).map(({ token }) => token));
  if (redis !== undefined) await advanceRedis(redis, renewalTime);
  await fleet.advance(renewalTime);
  const unrenewed = async () => (await fleet.current()).filter(({ token }) => previous.has(token));
  await expect.poll(unrenewed, { interval: 200 }).toEqual([]);
}

test(`${size} processes that start at the same moment make one token request, and one for each expiry`, async () => {
  const world = await createSetting();
  const { tokenRequests } = world.issuer;
  const fleet = await startFleetOf(world);
  await fleet.start();
  expect(tokenRequests.length).toBe(1);
  recordFigure("token requests, cold start, with Redis", tokenRequests.length);
  for (let expiry = 1; expiry <= expiries; expiry += 1) {
    await expireTokens(fleet, world.redis);
    // All processes notice the expiry at the same moment, but only one of them makes a token request.
    expect(tokenRequests.length).toBe(1 + expiry);
    expect(new Set((await fleet.current()).map(({ token }) => token)).size).toBe(1);
  }
  const reports = await fleet.report();
  expect(failuresIn(reports)).toEqual([]);
  expect(reports.reduce((sum, { renewals }) => sum + renewals, 0)).toBe(1 + expiries);
  recordFigure(`token requests, ${expiries} expiries, with Redis`, tokenRequests.length - 1);
  recordFigure(
    "calls during these expiries",
    reports.reduce((sum, { calls }) => sum + calls, 0),
  );
  await expectNoTokensIn(world.redis, reports);
});

test("no call fails while Redis is killed and restarted, and each process makes one token request per expiry meanwhile", async () => {
  const world = await createSetting();
  const { tokenRequests } = world.issuer;
  const fleet = await startFleetOf(world);
  await fleet.start();
  for (let expiry = 0; expiry < 2; expiry += 1) await expireTokens(fleet, world.redis);
  expect(tokenRequests.length).toBe(3);
  await world.redis.kill();
  let renewals = (await fleet.current()).map(({ renewals }) => renewals);
  for (let expiry = 0; expiry < expiriesDuringOutage; expiry += 1) {
    await expireTokens(fleet);
    const current = (await fleet.current()).map(({ renewals }) => renewals);
    // Each process makes exactly one token request per expiry.
    expect(current).toEqual(renewals.map((count) => count + 1));
    renewals = current;
  }
  const during = tokenRequests.length - 3;
  expect(during).toBe(size * expiriesDuringOutage);
  await world.redis.restart();
  await advanceRedis(world.redis, expiriesDuringOutage * renewalTime);
  // After the restart, the processes share one token request again.
  for (let expiry = 1; expiry <= expiriesDuringOutage; expiry += 1) {
    await expireTokens(fleet, world.redis);
    expect(tokenRequests.length).toBe(3 + during + expiry);
  }
  const reports = await fleet.report();
  expect(failuresIn(reports)).toEqual([]);
  // Each process noticed the outage, and reported it once.
  expect(new Set(reports.map(({ down }) => down))).toEqual(new Set([1]));
  recordFigure("token requests per expiry while Redis is down", during / expiriesDuringOutage);
  recordFigure(
    "token requests per expiry after the restart",
    (tokenRequests.length - 3 - during) / expiriesDuringOutage,
  );
});

test("fifty processes without a store make fifty token requests, and fifty for each expiry", async () => {
  const world = await createSetting("memory");
  const { tokenRequests } = world.issuer;
  const fleet = await startFleetOf(world);
  await fleet.start();
  expect(tokenRequests.length).toBe(size);
  await expireTokens(fleet);
  expect(tokenRequests.length).toBe(2 * size);
  const reports = await fleet.report();
  recordFigure("token requests, cold start, without a store", size);
  recordFigure("token requests per expiry, without a store", tokenRequests.length - size);
  recordFigure("failed calls, without a store", failuresIn(reports).length);
});

test("fifty processes with the provider of the MCP SDK make at least fifty token requests", async () => {
  // The provider has no clock: it gets a new token after a call was refused, so the token has to expire in real time.
  const world = await createSetting("memory", sdkLifetime);
  const { tokenRequests } = world.issuer;
  const fleet = await startFleetOf(world, { PROVIDER: "sdk" });
  await fleet.start();
  const cold = tokenRequests.length;
  expect(cold).toBeGreaterThanOrEqual(size);
  await new Promise((resolve) => setTimeout(resolve, 2 * sdkLifetime * 1_000));
  const reports = await fleet.report();
  recordFigure("token requests, cold start, with the MCP SDK's provider", cold);
  recordFigure(
    "token requests per expiry, with the MCP SDK's provider",
    Math.round((tokenRequests.length - cold) / 2),
  );
  recordFigure("failed calls, with the MCP SDK's provider", failuresIn(reports).length);
});

/**
 * Checks that neither the values in Redis nor its files contain a token or its signature, in plain text, base64 or hex.
 */
async function expectNoTokensIn(redis: RedisServer, reports: readonly AgentReport[]): Promise<void> {
  const tokens = new Set(reports.flatMap(({ tokens }) => tokens));
  const forms = [...tokens].flatMap((token) => {
    // The signature is the secret part of a JWT.
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
  // There was something to search.
  expect(bytes).toBeGreaterThan(1_000);
  expect(forms.filter((form) => texts.some((text) => text.includes(form)))).toEqual([]);
  recordFigure("bytes searched in Redis", bytes);
}
