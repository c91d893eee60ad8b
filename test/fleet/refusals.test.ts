// Twenty processes with one file store, and an MCP server with a tool that refuses each token.

import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { startScriptedServer, startWorld } from "../integration/harness.js";
import { hangLimit } from "../support/hang-limit.js";
import { sendJson } from "../support/http-server.js";
import { temporaryFolder } from "../support/temporary-folder.js";
import { recordFigure } from "./figures.js";
import { startFleet } from "./fleet.js";

const size = 20;
/** The clock moves forward one second at a time, with this number of refused calls in each second. */
const seconds = 60;
const refusals = size;

test(`${size} processes whose calls a tool refuses share the allowance and the holds, and no other call fails`, async () => {
  const folder = await temporaryFolder();
  const { issuer, config, env } = await startWorld();
  const server = await startScriptedServer((request, response) => {
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
  await fleet.start();
  const countRefused = () => server.requests.filter(({ body }) => body.includes('"jira"')).length;
  for (let second = 0; second < seconds; second += 1) {
    const before = countRefused();
    await expect.poll(countRefused, { timeout: hangLimit }).toBeGreaterThanOrEqual(before + refusals);
    await fleet.advance(1_000);
  }
  const reports = await fleet.report();
  // By the clocks of the processes, which were moved forward.
  const lived = Math.max(...reports.map(({ lived }) => lived)) / 1_000;
  expect(reports.flatMap(({ failures }) => failures)).toEqual([]);
  const answers = new Set(reports.flatMap((one) => Object.keys(one.answers)));
  expect([...answers].toSorted()).toEqual(["jira 401", "ping 200"]);
  // The first request, the allowance for this time, and one request per hold of 1, 2, 4 s and so on.
  const bound = 1 + 5 + Math.floor(lived / 10) + Math.ceil(Math.log2(lived + 1));
  recordFigure(
    `token requests of ${size} processes that a tool refuses for ${lived.toFixed(0)} s (at most ${bound})`,
    issuer.tokenRequests.length,
  );
  expect(issuer.tokenRequests.length).toBeLessThanOrEqual(bound);
});
