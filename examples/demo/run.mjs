// Two agents that call two protected MCP servers as themselves for fifteen seconds, with tokens that live eight. How they
// get them is all in mcp-auth.config.example.json: for `crm` by a client secret, for `billing` by a private key. One is a
// host that knows only URLs, plain-host.mjs; the other is the code here, which passes `manager.fetch` on.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { calculateJwkThumbprint } from "jose";
import { createMcpAuth } from "mcp-auth-runtime";
import { Calls, every, repeat, requests } from "./calls.mjs";
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

/** Runs the agents beside their servers; returns the exit code. */
async function demo() {
  screen.line(screen.strong("mcp-auth-runtime: two agents call two protected MCP servers as themselves"));
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const keyFile = join(folder, "agent.pem");
  await writeFile(keyFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  const secret = randomBytes(24).toString("base64url");

  // What one registers: the public key, under the name that the runtime gives to a key without one (RFC 7638).
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
    return await Promise.race([agents(servers, env), servers.failure]);
  } catch (error) {
    const exitCode = interruption.signal.aborted ? 130 : 1;
    interruption.abort();
    screen.live("");
    console.error(error instanceof Error ? error.message : error);
    if (servers.chatter() !== "") console.error(`The servers printed:\n${servers.chatter()}`);
    return exitCode;
  } finally {
    await servers.stop();
  }
}

/** The host, and beside it what an agent in code does: load the config, resolve a manager for each server, and use its `fetch`. */
async function agents(servers, env) {
  const auth = await createMcpAuth({ config, env });
  await showConfig(screen, { file: config, env, auth });
  const host = startHost(await writeSettings(auth), { ...env, MCP_AUTH_CONFIG: config });
  try {
    screen.heading(`A host that knows only URLs: node ${command.join(" ")}`);
    await host.called(auth.servers.length);
    for (const calls of host.outcome()) showTools(screen, calls, requests[calls.server]);
    return await Promise.race([agent(auth, host, servers), host.failure]);
  } finally {
    await host.kill();
    await auth.stop();
  }
}

/** The settings of the host, as most hosts have them. Returns the path. */
async function writeSettings(auth) {
  const entries = auth.servers.map((name) => [name, { type: "http", url: auth.resolve(name).url }]);
  const file = join(folder, ".mcp.json");
  await writeFile(file, JSON.stringify({ mcpServers: Object.fromEntries(entries) }));
  return file;
}

async function agent(auth, host, servers) {
  const renewals = [];
  const begun = performance.now();
  screen.heading("Code that uses manager.fetch: its tokens, and its tools");
  auth.on("token:renewed", (event) => {
    renewals.push(event);
    showRenewal(screen, event, performance.now() - begun);
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

  screen.heading(`Calls of both, ${1000 / every} a second to each server for ${duration / 1000} seconds`);
  const own = [...clients.values()];
  const outcome = () => ({ own, host: host.outcome() });
  const counter = setInterval(() => screen.live(tally(outcome(), performance.now() - begun)), 200).unref();
  // What it gives includes the ten milliseconds between its samples.
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const from = performance.now();
  await Promise.all(
    own.map((calls, index) => {
      // In turn, not all at the same moment.
      const offset = ((index + 1) * every) / own.length;
      const when = { every, from: from + offset, until: from + duration, signal: interruption.signal };
      return repeat(when, () => calls.call());
    }),
  );
  delay.disable();
  clearInterval(counter);
  screen.live("");
  for (const client of clients.keys()) await client.close();
  if (interruption.signal.aborted) return 130;

  await host.stop();
  // Before the count: a renewal in flight is waited for.
  await auth.stop();
  const atServers = await servers.count();
  showSummary(screen, { outcome: outcome(), renewals, atServers, stall: delay.max / 1e6 - 10 });
  return passed(outcome()) ? 0 : 1;
}
