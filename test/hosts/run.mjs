// `npm run test:hosts [HOST…]`: runs published hosts whose settings have only the URL of the server, authorized by
// `NODE_OPTIONS=--import=mcp-auth-runtime/register`. Prints each phase. The last line is `N passed, N failed`.
import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import { cp, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inParallel, secondsSince } from "../../scripts/run.mjs";
import { hangLimit } from "../support/hang-limit.js";
import { hosts } from "./hosts.mjs";
import { installHost, nodeForHosts, pack, wrongVersions } from "./install.mjs";
import { startServers } from "./servers-process.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));
const root = join(here, "../..");
const concurrency = 2;
const started = performance.now();
const tally = { passed: 0, failed: 0 };

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(name in hosts));
if (unknown.length > 0) {
  console.error(`Unknown host: ${unknown.join(", ")}. Known hosts: ${Object.keys(hosts).join(", ")}.`);
  process.exit(2);
}

const workshop = await mkdtemp(join(tmpdir(), "hosts-"));
try {
  const node = await nodeForHosts(workshop);
  console.log(`hosts on Node ${node.version}, servers on Node ${process.version}`);
  const tarball = await pack(root, workshop);
  const names = wanted.length === 0 ? Object.keys(hosts) : wanted;
  await inParallel(names, concurrency, (name) => testHost(name, node, tarball));
} catch (error) {
  verdict("the hosts can be installed", false, error.message);
} finally {
  await rm(workshop, { recursive: true, force: true });
}
console.log(secondsSince(started));
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 && tally.passed > 0 ? 0 : 1;

/** Installs a host and runs it in each of its ways. */
async function testHost(name, node, tarball) {
  const began = performance.now();
  const folder = join(workshop, name);
  try {
    await installHost(join(here, name), folder, tarball);
    await cp(join(here, "agent.mjs"), join(folder, "agent.mjs"));
    const wrong = await wrongVersions(folder);
    verdict(`${name}: the installed versions match its package.json`, wrong.length === 0, wrong.join("\n"));
    console.log(`      ${name}: installed in ${secondsSince(began)}`);
  } catch (error) {
    verdict(`${name}: the host can be installed`, false, error.message);
    return;
  }
  for (const way of hosts[name]) await testWay(way, way.how ? `${name}, ${way.how}` : name, node, folder);
  console.log(`      ${name}: ${secondsSince(began)}`);
}

/** Runs a host in one way, with its own servers. */
async function testWay({ start, phases, store }, title, node, folder) {
  const signal = AbortSignal.timeout(hangLimit);
  // Each process of a host adds a listener.
  setMaxListeners(0, signal);
  const secret = randomBytes(24).toString("base64url");
  let servers;
  let host;
  let hasFailed = false;
  try {
    servers = await startServers(secret, signal);
    const { issuer, url } = servers.addresses;
    const client = { issuer, id: "agent", secret: { env: "AGENT_SECRET" } };
    const config = { ...(store && { store }), servers: { echo: { url, grant: { client } } } };
    await writeFile(join(folder, "mcp-auth.config.json"), JSON.stringify(config));
    const env = await environment(folder, secret);
    host = await start({ node: node.path, url, cwd: folder, env, signal });
    const version = await host.version?.();
    if (version !== undefined)
      verdict(`${title}: the host runs on Node ${version}`, version === node.version);
    await phases(host, servers, (name, ...rest) => {
      hasFailed = !verdict(`${title}: ${name}`, ...rest) || hasFailed;
    });
  } catch (error) {
    hasFailed = true;
    verdict(`${title}: the host completes all phases`, false, error.stack);
  } finally {
    if (hasFailed && host !== undefined) printIndented(`The host printed:\n${lastLines(host.printed())}`);
    await host?.stop();
    await servers?.stop();
  }
}

/** Returns the environment of a host, without a browser in the PATH and without a person's settings. */
async function environment(folder, secret) {
  const home = join(folder, "home");
  const empty = join(folder, "empty");
  await mkdir(home, { recursive: true });
  await mkdir(empty, { recursive: true });
  return {
    NODE_OPTIONS: "--import=mcp-auth-runtime/register",
    AGENT_SECRET: secret,
    STORE_KEY: randomBytes(32).toString("base64url"),
    HOME: home,
    PATH: empty,
    MCP_REMOTE_CONFIG_DIR: join(home, "mcp-remote"),
    // Otherwise VoltAgent requests a list of models from the network.
    NODE_ENV: "production",
  };
}

function verdict(title, holds, explanation = "") {
  tally[holds ? "passed" : "failed"] += 1;
  console.log(`${holds ? "ok  " : "FAIL"}  ${title}`);
  if (!holds) printIndented(explanation);
  return holds;
}

function lastLines(text) {
  return text.trimEnd().split("\n").slice(-40).join("\n");
}

function printIndented(text) {
  if (text.trim() !== "") console.log(text.trimEnd().replace(/^/gm, "      | "));
}
