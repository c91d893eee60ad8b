// Measures an import in a new process, and a first `createMcpAuth()`, in milliseconds. Prints JSON.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clientUrl, coreUrl, runJson } from "./lib/node.mjs";
import { interleave } from "./lib/statistics.mjs";

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
  // An empty module shows the cost of `import()` itself.
  empty: ["import", "data:text/javascript,"],
  createMcpAuth: ["createMcpAuth", coreUrl, folder],
};
const names = Object.keys(subjects);
// One run before the rounds, so that the files are in the disk cache.
for (const name of names) await once(name);
const milliseconds = await interleave(names, rounds, once);
await rm(folder, { recursive: true });
process.stdout.write(JSON.stringify({ milliseconds }));

async function once(name) {
  const { milliseconds: taken } = await runJson("lib/import-process.mjs", subjects[name], {
    node: process.execPath,
  });
  return taken;
}
