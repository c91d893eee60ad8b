// Milliseconds of an import in a fresh process, and of a first `createMcpAuth()`. Prints JSON.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { assertNode, clientUrl, coreUrl, runJson } from "./lib/node.mjs";
import { interleave } from "./lib/statistics.mjs";

assertNode();
const rounds = Number(process.argv[2] ?? 9);
const folder = await mkdtemp(join(tmpdir(), "mcp-auth-bench-"));
const config = {
  servers: {
    bench: {
      url: "https://mcp.example/mcp",
      grant: { client: { issuer: "https://auth.example", id: "agent", secret: { env: "BENCH_SECRET" } } },
    },
  },
};
await writeFile(join(folder, "mcp-auth.config.json"), JSON.stringify(config, null, 2));

const subjects = {
  core: ["import", coreUrl],
  client: ["import", clientUrl],
  // A module of nothing: what `import()` itself costs.
  empty: ["import", "data:text/javascript,"],
  createMcpAuth: ["createMcpAuth", coreUrl, folder],
};
const names = Object.keys(subjects);
// Once before the rounds, so that each finds its files in the disk cache.
for (const name of names) await once(name);
const milliseconds = await interleave(names, rounds, once);
await rm(folder, { recursive: true });
process.stdout.write(JSON.stringify({ milliseconds }));

async function once(name) {
  const { milliseconds: taken } = await runJson("lib/import-process.mjs", subjects[name]);
  return taken;
}
