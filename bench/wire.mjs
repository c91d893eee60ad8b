// Counts the requests on the network, and measures how long a caller waits for them. Prints JSON.
//
// Each round starts new servers for each subject, so that nothing is cached from the previous round. Both subjects use
// the MCP SDK's client and transport; only the authorization differs.
import {
  Client,
  ClientCredentialsProvider,
  StreamableHTTPClientTransport,
} from "@modelcontextprotocol/client";
import { assertNode, coreUrl } from "./lib/node.mjs";
import { roundTripsBeforeAuthorized } from "./lib/round-trips.mjs";
import { startServers } from "./lib/servers.mjs";

assertNode();
const { createMcpAuth } = await import(coreUrl);
const rounds = Number(process.argv[2] ?? 9);
// The servers delay each response by this time. It is about the round trip to another region, and long enough that
// concurrent requests overlap at the servers even on a busy machine.
const latency = 20;
const concurrent = 50;
// Tokens live ten minutes. We cache metadata without a stated age for an hour; the SDK never caches it.
const tokenLifetime = 600_000;
const metadataLifetime = 3_600_000;

const subjects = { ours, sdk };
const results = Object.fromEntries(Object.keys(subjects).map((name) => [name, []]));
// One run before the rounds, because loading and compiling modules is measured by the import benchmark.
for (const subject of Object.values(subjects)) await measure(subject);
for (let round = 0; round < rounds; round++) {
  const names = Object.keys(subjects);
  for (const name of round % 2 === 0 ? names : names.reverse())
    results[name].push(await measure(subjects[name]));
}
process.stdout.write(JSON.stringify({ latency, concurrent, results }));

async function measure(subject) {
  const servers = await startServers({ latency, lifetime: tokenLifetime / 1000 });
  const { options, advance, stop } = await subject(servers);
  const client = new Client({ name: "bench", version: "1.0.0" });
  const call = async () => {
    const { content, isError } = await client.callTool({ name: "echo", arguments: { text: "x" } });
    if (isError === true || content[0].text !== "x") throw new Error("The call gave something else.");
  };
  const pass = async (milliseconds) => {
    await servers.advance(milliseconds);
    advance(milliseconds);
  };

  const cold = await phase(servers, async () => {
    await client.connect(new StreamableHTTPClientTransport(new URL(servers.mcpUrl), options));
    await call();
  });
  const warm = await phase(servers, call);
  await pass(tokenLifetime);
  const expired = await phase(servers, call);
  await pass(tokenLifetime);
  const many = await phase(servers, async () => {
    const outcomes = await Promise.allSettled(Array.from({ length: concurrent }, call));
    return outcomes.filter(({ status }) => status === "rejected").length;
  });
  await pass(metadataLifetime);
  const late = await phase(servers, call);
  await client.close();
  await stop();
  await servers.stop();
  return { cold, warm, expired, many, late };
}

/**
 * Returns the costs of one phase: requests to both servers, token requests, round trips, failures, and milliseconds.
 */
async function phase(servers, work) {
  await servers.clear();
  const start = performance.now();
  const failures = (await work()) ?? 0;
  const milliseconds = performance.now() - start;
  const records = await settled(servers);
  return {
    requests: records.length,
    tokenRequests: records.filter(({ kind }) => kind === "token").length,
    roundTrips: roundTripsBeforeAuthorized(records),
    failures,
    milliseconds,
    sequence: records.map(({ kind, status }) => `${kind} ${status}`),
  };
}

/** Waits until all requests are answered and no new one appears, because the SDK opens its GET stream in parallel. */
async function settled(servers) {
  for (let previous = -1; ; ) {
    const records = await servers.records();
    if (records.length === previous && records.every(({ end }) => end !== undefined)) return records;
    previous = records.length;
    await new Promise((resolve) => setTimeout(resolve, 3 * latency));
  }
}

async function ours(servers) {
  let offset = 0;
  // This clock moves together with the servers' clock, but the timers are real. As after a night in standby, the token
  // has expired and no renewal has happened ahead of time.
  const clock = {
    now: () => Date.now() + offset,
    setTimeout(callback, milliseconds) {
      const timer = setTimeout(callback, Math.min(milliseconds, 2 ** 31 - 1));
      return { unref: () => void timer.unref(), cancel: () => clearTimeout(timer) };
    },
  };
  const auth = await createMcpAuth({
    config: servers.config(),
    env: { BENCH_SECRET: servers.secret },
    clock,
  });
  return {
    options: { fetch: auth.resolve("bench").fetch },
    advance(milliseconds) {
      offset += milliseconds;
    },
    stop: () => auth.stop(),
  };
}

async function sdk(servers) {
  const authProvider = new ClientCredentialsProvider({
    clientId: servers.clientId,
    clientSecret: servers.secret,
    expectedIssuer: servers.issuer,
  });
  // It needs no clock, because it does not read `expires_in`.
  return { options: { authProvider }, advance() {}, async stop() {} };
}
