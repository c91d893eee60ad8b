// Measures what `mcp-auth-runtime/register` adds to a `fetch` to a URL that is not in the config. Prints JSON.
//
// The added time is smaller than the noise of a fetch over loopback. It is therefore measured in two ways: as the
// difference of a fetch with and without the registration, and alone, as a share of a fetch of the same run.
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { assertNode, nodePath, runJson } from "./lib/node.mjs";
import { startServers } from "./lib/servers.mjs";

assertNode();
const rounds = process.argv[2] ?? "9";
const cases = {
  one: { servers: 1, authorized: false },
  oneAuthorized: { servers: 1, authorized: true },
  thousandAuthorized: { servers: 1000, authorized: true },
};

const folder = await mkdtemp(join(tmpdir(), "mcp-auth-bench-"));
const servers = await startServers();
const empty = fork(fileURLToPath(new URL("lib/empty-server.mjs", import.meta.url)), [], {
  execPath: nodePath,
  execArgv: [],
});
const [origin] = await once(empty, "message");
const results = {};
for (const [name, { servers: count, authorized }] of Object.entries(cases)) {
  const config = join(folder, `${name}.json`);
  await writeFile(config, JSON.stringify(configOf(count)));
  const measure = (script) =>
    runJson(script, [rounds, origin, authorized ? servers.mcpUrl : ""], {
      flags: ["--expose-gc"],
      env: { MCP_AUTH_CONFIG: config, BENCH_SECRET: servers.secret },
    });
  results[name] = {
    microseconds: await measure("lib/register-fetches.mjs"),
    nanoseconds: await measure("lib/register-addition.mjs"),
  };
}
empty.disconnect();
await servers.stop();
await rm(folder, { recursive: true });
process.stdout.write(JSON.stringify(results));

/** Returns a config with the server that is called, and other servers, each on its own origin. */
function configOf(count) {
  const config = servers.config();
  for (let index = 1; index < count; index += 1)
    config.servers[`other-${index}`] = { ...config.servers.bench, url: `https://mcp-${index}.example/mcp` };
  return config;
}
