// `node bench/dependencies.mjs [--sizes]`: measures the size on disk and the import time of each run-time dependency,
// for docs/dependencies.md. Needs only `npm ci` in the root, and uses the Node that runs it. Prints a table, or with
// `--sizes` only the sizes as JSON.
import { execFile } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { interleave } from "./lib/statistics.mjs";

const rounds = 9;
const root = new URL("../", import.meta.url);
const { dependencies } = await manifest(root);
// This package has only type declarations.
const names = Object.keys(dependencies).filter((name) => !name.startsWith("@types/"));

const sizes = Object.fromEntries(
  await Promise.all(names.map(async (name) => [name, await installedSize(name)])),
);
if (process.argv.includes("--sizes")) console.log(JSON.stringify(sizes));
else await report();

async function report() {
  const empty = "an empty module";
  const urls = new Map(
    names.map((name) => [name, pathToFileURL(fileURLToPath(import.meta.resolve(name))).href]),
  );
  urls.set(empty, "data:text/javascript,");
  const once = async (name) => {
    const script = fileURLToPath(new URL("lib/import-process.mjs", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script, "import", urls.get(name)]);
    return JSON.parse(stdout).milliseconds;
  };
  // One import before the rounds, so that the files are in the disk cache.
  for (const name of urls.keys()) await once(name);
  const measured = await interleave([...urls.keys()], rounds, once);
  console.log(`Node ${process.version}, lowest of ${rounds} interleaved rounds, each in a fresh process.\n`);
  for (const name of urls.keys()) {
    const size = sizes[name] === undefined ? "" : `${(sizes[name] / 1e6).toFixed(2)} MB`;
    console.log(`${name.padEnd(16)} ${size.padStart(8)} ${measured[name].min.toFixed(1).padStart(7)} ms`);
  }
}

/** Returns the size in bytes of a package and all its dependencies. */
async function installedSize(name) {
  const seen = new Set();
  let bytes = 0;
  const add = async (packageName, from) => {
    const folder = await folderOf(packageName, from);
    if (seen.has(folder.href)) return;
    seen.add(folder.href);
    bytes += await bytesIn(folder);
    for (const inner of Object.keys((await manifest(folder)).dependencies ?? {})) await add(inner, folder);
  };
  await add(name, root);
  return bytes;
}

/** Finds a package as Node does: in the nearest `node_modules` that has it. */
async function folderOf(name, from) {
  for (let folder = from; ; folder = new URL("../", folder)) {
    const candidate = new URL(`node_modules/${name}/`, folder);
    if (await stat(candidate).catch(() => undefined)) return candidate;
    if (folder.href === root.href) throw new Error(`${name} is not installed: run \`npm ci\``);
  }
}

/** Returns the size without nested packages, which are counted as dependencies. */
async function bytesIn(folder) {
  let bytes = 0;
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    if (entry.name === "node_modules") continue;
    if (entry.isDirectory()) bytes += await bytesIn(new URL(`${encodeURIComponent(entry.name)}/`, folder));
    else if (entry.isFile()) bytes += (await stat(new URL(encodeURIComponent(entry.name), folder))).size;
  }
  return bytes;
}

async function manifest(folder) {
  return JSON.parse(await readFile(new URL("package.json", folder), "utf8"));
}
