// An agent that calls two protected MCP servers as itself for fifteen seconds, with tokens that live eight. How it
// gets them is all in mcp-auth.config.example.json: for `crm` by a client secret, for `billing` by a private key.
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { calculateJwkThumbprint } from "jose";
import { createMcpAuth } from "mcp-auth-runtime";
import { Calls, repeat } from "./calls.mjs";
import { display } from "./display.mjs";
import { passed, showConfig, showRenewal, showSummary, showTools, tally } from "./report.mjs";
import { startServers } from "./server-process.mjs";

const config = fileURLToPath(new URL("../../mcp-auth.config.example.json", import.meta.url));
const duration = 15_000;
const interval = 250;
const requests = {
  crm: { name: "find_customer", arguments: { name: "optics" } },
  billing: { name: "invoice_total", arguments: { customer: "c-1" } },
};

const screen = display(process.stdout, process.env);
const interruption = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => interruption.abort());

const folder = await mkdtemp(join(tmpdir(), "mcp-auth-demo-"));
try {
  process.exitCode = await demo();
} finally {
  await rm(folder, { recursive: true });
}

/** Runs the agent beside its servers; gives the exit code. */
async function demo() {
  screen.line(screen.strong("mcp-auth-runtime: an agent calls two protected MCP servers as itself"));
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
    return await Promise.race([agent(servers, env), servers.failure]);
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

/** What an agent does: load the config, resolve a manager for each server, and call through its `fetch`. */
async function agent(servers, env) {
  const auth = await createMcpAuth({ config, env });
  const renewals = [];
  const begun = performance.now();
  try {
    await showConfig(screen, { file: config, env, auth });

    screen.heading("Tokens");
    auth.on("token:renewed", (event) => {
      renewals.push(event);
      showRenewal(screen, event, performance.now() - begun);
    });
    const failures = await auth.start();
    if (failures.length > 0) throw failures[0];

    screen.heading("Tools");
    const clients = new Map();
    for (const server of auth.servers) {
      const manager = auth.resolve(server);
      const client = new Client({ name: "demo-agent", version: "1.0.0" });
      await client.connect(new StreamableHTTPClientTransport(new URL(manager.url), { fetch: manager.fetch }));
      const { tools } = await client.listTools();
      const calls = new Calls(server, client, requests[server]);
      showTools(screen, server, tools, requests[server], await calls.call());
      clients.set(client, calls);
    }

    screen.heading(`Calls, ${1000 / interval} a second to each server for ${duration / 1000} seconds`);
    const outcome = [...clients.values()];
    const counter = setInterval(() => screen.live(tally(outcome, performance.now() - begun)), 200).unref();
    // What it gives includes the ten milliseconds between its samples.
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const from = performance.now();
    await Promise.all(
      outcome.map((calls, index) => {
        // In turn, not all at the same moment.
        const offset = ((index + 1) * interval) / outcome.length;
        const when = {
          every: interval,
          from: from + offset,
          until: from + duration,
          signal: interruption.signal,
        };
        return repeat(when, () => calls.call());
      }),
    );
    delay.disable();
    clearInterval(counter);
    screen.live("");
    for (const client of clients.keys()) await client.close();
    if (interruption.signal.aborted) return 130;

    // Before the count: a renewal in flight is waited for.
    await auth.stop();
    showSummary(screen, { outcome, renewals, atServers: await servers.count(), stall: delay.max / 1e6 - 10 });
    return passed(outcome) ? 0 : 1;
  } finally {
    await auth.stop();
  }
}
