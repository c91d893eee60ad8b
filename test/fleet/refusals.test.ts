// Twenty processes on one file store, and a server with a tool that refuses every token.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ownServer, startWorld } from "../integration/harness.js";
import { hangLimit } from "../support/hang-limit.js";
import { sendJson } from "../support/http-server.js";
import { figure } from "./figures.js";
import { startFleet } from "./fleet.js";

const size = 20;
/** Seconds that pass one by one, and calls that are refused in each. */
const seconds = 60;
const refusals = size;

test(`${size} processes that a tool refuses share one allowance and one series of holds, and no other call fails`, async () => {
  const folder = await mkdtemp(join(tmpdir(), "mcp-auth-refusals-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { issuer, config, env } = await startWorld();
  const server = await ownServer((request, response) => {
    if (request.url.startsWith("/.well-known/")) return sendJson(response, {}, 404);
    sendJson(response, {}, request.body.includes('"jira"') ? 401 : 200);
  });
  const store = { type: "file", path: folder, encryptionKey: { env: "STORE_KEY" } };
  const tools = { ...config.servers.tools, url: `${server.origin}/mcp` };
  const STORE_KEY = randomBytes(32).toString("base64url");
  const fleet = await startFleet(
    size,
    { store, servers: { tools } },
    { ...env, STORE_KEY, TOOLS: "jira,ping" },
  );
  onTestFinished(() => fleet.kill());
  await fleet.go();
  const refused = () => server.requests.filter(({ body }) => body.includes('"jira"')).length;
  for (let second = 0; second < seconds; second += 1) {
    const before = refused();
    await expect.poll(refused, { timeout: hangLimit }).toBeGreaterThanOrEqual(before + refusals);
    await fleet.pass(1_000);
  }
  const seen = await fleet.report();
  // By the clocks of the processes, which have been moved on.
  const lived = Math.max(...seen.map(({ lived }) => lived)) / 1_000;
  expect(seen.flatMap(({ failures }) => failures)).toEqual([]);
  const answers = new Set(seen.flatMap((one) => Object.keys(one.answers)));
  expect([...answers].toSorted()).toEqual(["jira 401", "ping 200"]);
  // The first, the allowance of this time, and one a hold: of 1, 2, 4 s and so on.
  const bound = 1 + 5 + Math.floor(lived / 10) + Math.ceil(Math.log2(lived + 1));
  figure(
    `${size} processes that a tool refuses for ${lived.toFixed(0)} s, of ${bound} at most`,
    issuer.tokenRequests.length,
  );
  expect(issuer.tokenRequests.length).toBeLessThanOrEqual(bound);
});
