// Measures what a call waits through the proxy, compared with a bare reverse proxy on undici. Prints JSON. Servers,
// proxies and caller are processes of their own. Under the steady load, each call begins at a set time, whether or not
// earlier calls have ended, so that a slow answer cannot hide calls that should have waited behind it.
import { fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Agent, request } from "undici";
import { assertNode, nodePath } from "./lib/node.mjs";
import { interleave } from "./lib/statistics.mjs";

assertNode();
const rounds = Number(process.argv[2] ?? 5);
/** Calls per second, far below what either proxy can serve. */
const rate = 300;
const callsPerRound = 2_400;
const inFlight = 16;
const throughputCalls = 6_000;

const dispatcher = new Agent();
const body = JSON.stringify({
  jsonrpc: "2.0",
  id: 1,
  method: "tools/call",
  params: { name: "search", arguments: { text: "y".repeat(200) } },
});
const headers = {
  "content-type": "application/json",
  accept: "application/json, text/event-stream",
  "mcp-session-id": "0b3d8b0e-5a57-4c8f-9f0e-2f0f3f1d4a11",
  "mcp-protocol-version": "2025-11-25",
};

const start = async (script, ...args) => {
  const child = fork(fileURLToPath(new URL(`lib/${script}`, import.meta.url)), args, {
    execPath: nodePath,
    execArgv: [],
  });
  const [address] = await once(child, "message");
  return { child, address };
};
const upstream = await start("proxy-upstream.mjs");
const mcpUrl = `${upstream.address}/mcp`;
const bare = await start("proxy-process.mjs", "bare", mcpUrl);
const ours = await start("proxy-process.mjs", "ours", mcpUrl, upstream.address);
const urls = { direct: mcpUrl, bare: bare.address, ours: ours.address };

const call = async (url) => {
  const response = await request(url, { method: "POST", headers, body, dispatcher });
  const text = await response.body.text();
  if (response.statusCode !== 200 || !text.includes("xxx"))
    throw new Error(`Not served by ${url}: ${response.statusCode} ${text}`);
};

/** Returns the milliseconds of calls that begin at a steady rate. */
const steady = async (url, count) => {
  const waited = [];
  const calls = [];
  const startedAt = performance.now();
  for (let index = 0; index < count; index += 1) {
    const due = startedAt + (index * 1_000) / rate;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    const since = performance.now();
    calls.push(call(url).then(() => waited.push(performance.now() - since)));
  }
  await Promise.all(calls);
  return waited.sort((a, b) => a - b);
};

const throughput = async (url) => {
  let left = throughputCalls;
  const since = performance.now();
  const worker = async () => {
    while (left > 0) {
      left -= 1;
      await call(url);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return throughputCalls / ((performance.now() - since) / 1_000);
};

// Compiled code, open connections, and the first token.
for (const url of Object.values(urls)) await throughput(url);
const names = Object.keys(urls);
const waits = {};
const p99 = await interleave(names, rounds, async (name, round) => {
  const sorted = await steady(urls[name], callsPerRound);
  waits[name] = [...(waits[name] ?? [])];
  waits[name][round] = sorted[Math.floor(sorted.length * 0.5)];
  return sorted[Math.floor(sorted.length * 0.99)];
});
const p50 = await interleave(names, rounds, async (name, round) => waits[name][round]);
const perSecond = await interleave(names, rounds, (name) => throughput(urls[name]));
for (const { child } of [upstream, bare, ours]) child.disconnect();
await dispatcher.close();
process.stdout.write(JSON.stringify({ rate, inFlight, milliseconds: { p50, p99 }, perSecond }));
