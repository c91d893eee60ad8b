// Measures a config with thousands of servers: the time and heap of loading it, and the heap of a manager that has a
// token. Prints JSON. Runs on any Node with --expose-gc.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { coreUrl, rootUrl } from "./lib/node.mjs";
import { startServers } from "./lib/servers.mjs";
import { summarize } from "./lib/statistics.mjs";

const rounds = Number(process.argv[2] ?? 9);
const [fewest, most] = [100, 10_000];
const managers = 1_000;

const { createMcpAuth } = await import(coreUrl);
const folder = await mkdtemp(join(tmpdir(), "mcp-auth-bench-"));
const schemaErrors = await compiledValidator();
const secrets = { env: { BENCH_SECRET: "bench-secret" } };

// Each server with a client of its own, which is the most that a server needs, and with one that all servers name.
const shapes = {
  inline: (index) => ({
    client: {
      issuer: `https://auth-${index}.example`,
      id: `agent-${index}`,
      secret: { file: `./secrets/${index}` },
    },
  }),
  named: () => ({ client: "acme" }),
};

const loading = {};
for (const [shape, grantOf] of Object.entries(shapes)) {
  loading[shape] = {};
  for (const count of [fewest, most])
    loading[shape][count] = await measureLoading(await writeConfig(shape, grantOf, count));
}
const manager = await measureManagers();
await rm(folder, { recursive: true });
process.stdout.write(JSON.stringify({ loading, manager, fewest, most }));

async function writeConfig(shape, grantOf, count) {
  const servers = {};
  for (let index = 0; index < count; index += 1) {
    const scopes = [`tenant:${index}`, "tools:call"];
    servers[`server-${index}`] = {
      url: `https://mcp.example/tenants/${index}/mcp`,
      grant: { ...grantOf(index), scopes },
    };
  }
  const clients = { acme: { issuer: "https://auth.example", id: "agent", secret: { env: "BENCH_SECRET" } } };
  const file = join(folder, `${shape}-${count}.json`);
  await writeFile(file, JSON.stringify({ clients, servers }, null, 2), { mode: 0o644 });
  return { file, count };
}

/**
 * Measures `createMcpAuth()` in turns with `JSON.parse` and the compiled validator for the same text. Each is measured
 * in the time of the processor, because other work on the machine would make a round of half a second useless.
 */
async function measureLoading({ file, count }) {
  const text = await readFile(file, "utf8");
  const subjects = {
    async parseAndValidate() {
      if (schemaErrors(JSON.parse(text)).length > 0) throw new Error("The config is not valid.");
    },
    async createMcpAuth() {
      const auth = await createMcpAuth({ config: file, ...secrets });
      if (auth.servers.length !== count) throw new Error("Not every server was loaded.");
    },
  };
  const names = Object.keys(subjects);
  // A small config is loaded several times, because the clock of the processor is not exact.
  const times = Math.ceil(most / count / 10);
  const values = { parseAndValidate: [], createMcpAuth: [] };
  const warmUps = 2;
  for (let round = -warmUps; round < rounds; round += 1) {
    for (const name of round % 2 === 0 ? names : names.toReversed()) {
      globalThis.gc();
      const before = process.cpuUsage();
      for (let time = 0; time < times; time += 1) await subjects[name]();
      const { user, system } = process.cpuUsage(before);
      if (round >= 0) values[name].push((user + system) / 1000 / times);
    }
  }
  const before = await heap();
  const auth = await createMcpAuth({ config: file, ...secrets });
  const bytes = ((await heap()) - before) / count;
  if (auth.servers.length !== count) throw new Error("Not every server was loaded.");
  const [parseAndValidate, ours] = names.map((name) => summarize(values[name]));
  return { milliseconds: { parseAndValidate, createMcpAuth: ours }, bytesPerServer: bytes };
}

/** Measures the heap of a manager: after it was resolved, after its first token, and after its first request. */
async function measureManagers() {
  const servers = await startServers();
  const { bench } = servers.config().servers;
  // The first ones load the code and open the connections.
  const warmUps = 100;
  const names = Array.from({ length: warmUps + managers }, (_, index) => `server-${index}`);
  const config = {
    servers: Object.fromEntries(
      names.map((name, index) => [
        name,
        { ...bench, url: `${servers.mcpUrl}?server=${index}`, grant: { client: { ...bench.grant.client } } },
      ]),
    ),
  };
  const auth = await createMcpAuth({ config, env: { BENCH_SECRET: servers.secret } });
  const call = async (name) => {
    const response = await auth.resolve(name).fetch(auth.resolve(name).url);
    await response.arrayBuffer();
    if (response.status === 401) throw new Error("The server did not accept the token.");
  };
  await inTurns(names.slice(0, warmUps), call);
  const measured = names.slice(warmUps);
  const bytes = [await heap()];
  for (const name of measured) auth.resolve(name);
  bytes.push(await heap());
  await inTurns(measured, (name) => auth.resolve(name).getAccessToken());
  bytes.push(await heap());
  await inTurns(measured, call);
  bytes.push(await heap());
  const [resolved, used, called] = bytes.slice(1).map((after) => (after - bytes[0]) / managers);
  await auth.stop();
  await servers.stop();
  return { resolved, used, called };
}

/** Calls `work` for sixteen names at a time, as `start()` does. */
async function inTurns(names, work) {
  for (let index = 0; index < names.length; index += 16)
    await Promise.all(names.slice(index, index + 16).map(work));
}

/** Returns the bytes that are in use, after everything that was freed has been collected. */
async function heap() {
  for (let turn = 0; turn < 6; turn += 1) {
    globalThis.gc();
    // Objects with a finalizer or a `WeakRef` are collected in a later turn.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  globalThis.gc();
  return process.memoryUsage().heapUsed;
}

/** Returns the compiled validator. In `dist` it is part of a file whose name and exports change with each build. */
async function compiledValidator() {
  const { build } = await import(new URL("node_modules/esbuild/lib/main.js", rootUrl).href);
  const outfile = join(folder, "validator.mjs");
  const entry = new URL("src/config/generated/validate.js", rootUrl);
  await build({ entryPoints: [entry.pathname], bundle: true, format: "esm", outfile });
  return (await import(pathToFileURL(outfile).href)).schemaErrors;
}
