// Twenty processes on one file store, and a server with a tool that refuses every token.
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ownServer, startWorld } from "../integration/harness.js";
import { sendJson } from "../support/http-server.js";
import { figure } from "./figures.js";
import { startFleet } from "./fleet.js";

const size = 20;
/** Calls that are refused. Each process makes ten calls a second, of either tool in turn. */
const refusals = 2_000;

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
  const started = performance.now();
  await fleet.go();
  const refused = () => server.requests.filter(({ body }) => body.includes('"jira"')).length;
  await expect.poll(refused, { timeout: 90_000, interval: 500 }).toBeGreaterThan(refusals);
  const seen = await fleet.report();
  const seconds = (performance.now() - started) / 1_000;
  expect(seen.flatMap(({ failures }) => failures)).toEqual([]);
  const answers = new Set(seen.flatMap((one) => Object.keys(one.answers)));
  expect([...answers].toSorted()).toEqual(["jira 401", "ping 200"]);
  // The first, the allowance of this time, and one a hold: of 1, 2, 4 s and so on.
  const bound = 1 + 5 + Math.floor(seconds / 10) + Math.ceil(Math.log2(seconds + 1));
  figure(
    `${size} processes that a tool refuses for ${seconds.toFixed(0)} s, of ${bound} at most`,
    issuer.tokenRequests.length,
  );
  expect(issuer.tokenRequests.length).toBeLessThanOrEqual(bound);
});
