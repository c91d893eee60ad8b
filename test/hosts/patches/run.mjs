// `npm run test:patches [-- NAME…]`: tests `mcp-auth-runtime/register` together with other code that patches, copies or
// bypasses the global fetch. Each file in `cases` is a group of tests. The last line is `N passed, N failed`.
import { execFileSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { tsImport } from "tsx/esm/api";
import { secondsSince } from "../../../scripts/run.mjs";
import { bun, newNode } from "./project.mjs";

const started = performance.now();
const here = fileURLToPath(new URL(".", import.meta.url));
assertInstalled(newNode, "installArchSpecificPackage.js");
assertInstalled(bun, "install.js");
const { startWorld } = await tsImport("./world.ts", import.meta.url);
const { startHttpServer } = await tsImport("../../support/http-server.ts", import.meta.url);

const wanted = process.argv.slice(2);
const names = (await readdir(join(here, "cases"))).map((name) => name.replace(/\.mjs$/, ""));
let passed = 0;
let failed = 0;
for (const name of names.filter((each) => wanted.length === 0 || wanted.includes(each)).sort()) {
  const { cases } = await import(`./cases/${name}.mjs`);
  for (const [title, test] of cases) await attempt(`${name}: ${title}`, test);
}
// A lower number means that some tests were not found.
if (wanted.length === 0 && passed + failed < 75) {
  failed += 1;
  console.log("FAIL fewer than 75 tests were found");
}
console.log(`${secondsSince(started)} in all`);
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);

async function attempt(title, test) {
  const since = performance.now();
  const cleanups = [];
  const onEnd = (cleanup) => void cleanups.push(cleanup);
  const world = await startWorld();
  onEnd(() => world.close());
  const server = async (handler) => {
    const each = await startHttpServer(handler);
    onEnd(() => each.close());
    return each;
  };
  // A program uses this server to revoke tokens.
  const control = await server(({ url }, response) => {
    if (url === "/revoke") world.revokeAll();
    response.end();
  });
  Object.assign(world.env, { CONTROL_URL: control.origin });
  try {
    await test({ world, server, onEnd });
    passed += 1;
    console.log(`ok   ${title} (${secondsSince(since)})`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL ${title}\n${error instanceof Error ? error.stack : error}`);
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

/** Runs the install script of a package if a policy of npm has blocked it. */
function assertInstalled(path, script) {
  const answer = () => execFileSync(path, ["--version"], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    answer();
  } catch {
    execFileSync(process.execPath, [script], { cwd: dirname(dirname(path)), stdio: "inherit" });
    answer();
  }
}
