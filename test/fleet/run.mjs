// `npm run test:fleet`: tests of many processes that share a store, with a real redis-server (Debian: redis-server).
// Prints the figures. The last line is `N passed, N failed`.
import { execFileSync } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { runVitest } from "../support/run-vitest.mjs";
import { endRecords, recordingEnvironment, startRecords } from "../support/tls-recorder/records.js";

const root = new URL("../../", import.meta.url);
const figures = new URL("node_modules/.cache/mcp-auth-fleet.json", root);
const started = performance.now();
process.chdir(fileURLToPath(root));

try {
  console.log(execFileSync("redis-server", ["--version"], { encoding: "utf8" }).trim());
} catch {
  console.error("These tests need redis-server in the PATH. On Debian, run: apt-get install redis-server");
  console.log("0 passed, 1 failed");
  process.exit(1);
}

await rm(figures, { force: true });
// The workers and all their child processes record their TLS connections. This process opens none.
const records = await startRecords();
Object.assign(process.env, recordingEnvironment(records));
const config = fileURLToPath(new URL("vitest.config.ts", import.meta.url));
const { passed, failures } = await runVitest(config, process.argv.slice(2));
const { opened, problems } = await endRecords(records);
for (const problem of problems) failures.push(["TLS connections", problem]);
// If only some files run, there may be no test over TLS.
if (opened === 0 && process.argv.length === 2)
  failures.push(["TLS connections", "No TLS connection was recorded."]);
const measured = JSON.parse(await readFile(figures, "utf8").catch(() => "{}"));
for (const [name, value] of Object.entries(measured)) console.log(`${String(value).padStart(8)}  ${name}`);
for (const [name, message] of failures) console.log(`\nFAILED  ${name}\n${message}`);
console.log(`\n${((performance.now() - started) / 1_000).toFixed(1)} s`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 && passed > 0 ? 0 : 1;
