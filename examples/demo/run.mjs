// Two agents call two protected MCP servers for fifteen seconds, with tokens that live eight seconds. Both use
// mcp-auth.config.example.json, which gets the tokens for `crm` with a client secret and for `billing` with a private
// key. One agent is a host that knows only URLs (plain-host.mjs). The other is the code in this file, which uses
// `manager.fetch`.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { calculateJwkThumbprint } from "jose";
import { createMcpAuth } from "mcp-auth-runtime";
import { Calls, interval, repeat, requests } from "./calls.mjs";
import { display } from "./display.mjs";
import { command, startHost } from "./host-process.mjs";
import { passed, showConfig, showRenewal, showSummary, showTools, tally } from "./report.mjs";
import { startServers } from "./server-process.mjs";

const config = fileURLToPath(new URL("../../mcp-auth.config.example.json", import.meta.url));
const duration = 15_000;

const screen = display(process.stdout, process.env);
const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => interruption.abort());

const folder = await mkdtemp(join(tmpdir(), "mcp-auth-demo-"));
try {
  process.exitCode = await demo();
} finally {
  await rm(folder, { recursive: true });
}

/** Starts the servers and runs the agents. Returns the exit code. */
async function demo() {
  screen.line(screen.strong("mcp-auth-runtime: two agents call two protected MCP servers as themselves"));
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keyFile = join(folder, "agent.pem");
  await writeFile(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const secret = randomBytes(24).toString("base64url");

  // The public key is registered with the `kid` that the runtime uses by default (RFC 7638).
  const jwk = publicKey.export({ format: "jwk" });
  const servers = startServers(secret, { ...jwk, kid: await calculateJwkThumbprint(jwk) });
  try {
    const { issuer, crmUrl, billingUrl } = await servers.addresses();
    const env = {
      ISSUER: issuer,
      CRM_URL: crmUrl,
      CRM_SECRET: secret,
      BILLING_URL: billingUrl,
      AGENT_KEY_FILE: keyFile,
    };
    return await Promise.race([runAgents(servers, env), servers.failure]);
  } catch (error) {
    const exitCode = interruption.signal.aborted ? 130 : 1;
    interruption.abort();
    screen.live("");
    console.error(error instanceof Error ? error.message : error);
    if (servers.output() !== "") console.error(`The servers printed:\n${servers.output()}`);
    return exitCode;
  } finally {
    await servers.stop();
  }
}

/**
 * Runs the host and, in parallel, the agent in code, which loads the config and uses the `fetch` of each server's
 * manager.
 */
async function runAgents(servers, env) {
  const auth = await createMcpAuth({ config, env });
  await showConfig(screen, { file: config, env, auth });
  const host = startHost(await writeSettings(auth), { ...env, MCP_AUTH_CONFIG: config });
  try {
    screen.heading(`A host that knows only URLs: node ${command.join(" ")}`);
    await host.called(auth.servers.length);
    for (const calls of host.outcome()) showTools(screen, calls, requests[calls.server]);
    return await Promise.race([runAgentInCode(auth, host, servers), host.failure]);
  } finally {
    await host.kill();
    await auth.stop();
  }
}

/** Writes the settings of the host in the usual format, and returns their path. */
async function writeSettings(auth) {
  const entries = auth.servers.map((name) => [name, { type: "http", url: auth.resolve(name).url }]);
  const file = join(folder, ".mcp.json");
  await writeFile(file, JSON.stringify({ mcpServers: Object.fromEntries(entries) }));
  return file;
}

async function runAgentInCode(auth, host, servers) {
  const renewals = [];
  const startedAt = performance.now();
  screen.heading("Code that uses manager.fetch: its tokens, and its tools");
  auth.on("token:renewed", (event) => {
    renewals.push(event);
    showRenewal(screen, event, performance.now() - startedAt);
  });
  const failures = await auth.start();
  if (failures.length > 0) throw failures[0];

  const clients = new Map();
  for (const server of auth.servers) {
    const manager = auth.resolve(server);
    const client = new Client({ name: "demo-agent", version: "1.0.0" });
    await client.connect(new StreamableHTTPClientTransport(new URL(manager.url), { fetch: manager.fetch }));
    const { tools } = await client.listTools();
    const calls = new Calls(server, client, requests[server]);
    showTools(screen, { server, tools, answer: await calls.call() }, requests[server]);
    clients.set(client, calls);
  }

  screen.heading(
    `Calls of both agents: ${1000 / interval} per second to each server, for ${duration / 1000} seconds`,
  );
  const codeCalls = [...clients.values()];
  const outcome = () => ({ code: codeCalls, host: host.outcome() });
  const tallyTimer = setInterval(
    () => screen.live(tally(outcome(), performance.now() - startedAt)),
    200,
  ).unref();
  // The measured delay includes the ten milliseconds between two samples.
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const from = performance.now();
  await Promise.all(
    codeCalls.map((calls, index) => {
      // The calls to different servers are spread over the interval.
      const offset = ((index + 1) * interval) / codeCalls.length;
      const schedule = { interval, from: from + offset, until: from + duration, signal: interruption.signal };
      return repeat(schedule, () => calls.call());
    }),
  );
  delay.disable();
  clearInterval(tallyTimer);
  screen.live("");
  for (const client of clients.keys()) await client.close();
  if (interruption.signal.aborted) return 130;

  await host.stop();
  // Stops before counting, to wait for a renewal in flight.
  await auth.stop();
  const atServers = await servers.count();
  showSummary(screen, { outcome: outcome(), renewals, atServers, stall: delay.max / 1e6 - 10 });
  return passed(outcome()) ? 0 : 1;
}
