// `node bench/register-start.mjs [--rounds N]`: measures what `--import mcp-auth-runtime/register` adds to the start of
// a program, in a folder with a plain JSON config. Needs only `npm ci` and `npm run build` in the root, and uses the
// Node that runs it. Prints a table.
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { interleave, ratio } from "./lib/statistics.mjs";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "21" } } });
const rounds = Number(values.rounds);
const folder = await mkdtemp(join(tmpdir(), "mcp-auth-bench-"));
const client = { issuer: "https://auth.example", id: "agent", secret: { env: "BENCH_SECRET" } };
const config = { servers: { bench: { url: "https://mcp.example/mcp", grant: { client } } } };
await writeFile(join(folder, "mcp-auth.config.json"), JSON.stringify(config, null, 2));

const flags = {
  "node -e 0": [],
  "with --import of an empty module": ["--import", "data:text/javascript,"],
  "with --import mcp-auth-runtime/register": [
    "--import",
    new URL("../dist/register.js", import.meta.url).href,
  ],
};
const names = Object.keys(flags);
// One run before the rounds, so that the files are in the disk cache.
for (const name of names) once(name);
const milliseconds = await interleave(names, rounds, once);
await rm(folder, { recursive: true });

console.log(`Node ${process.version}, median of ${rounds} interleaved rounds.\n`);
for (const name of names) {
  const { value, min, max } = ratio(milliseconds[name], milliseconds[names[0]]);
  const spread = `${min.toFixed(2)} to ${max.toFixed(2)}`;
  const figures = `${milliseconds[name].median.toFixed(1).padStart(7)} ms ${value.toFixed(2).padStart(7)}`;
  console.log(`${name.padEnd(42)} ${figures}  (${spread})`);
}

function once(name) {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, [...flags[name], "-e", "0"], { cwd: folder });
  if (status !== 0) throw new Error(`${name} ended with exit code ${status}\n${stderr}`);
  return performance.now() - started;
}
