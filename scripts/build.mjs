// `npm run build`: builds dist from src. rolldown writes the JavaScript, and tsc the declarations. With `--if-stale`, it
// builds only if a source is newer than dist.
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import { bundle } from "./bundle.mjs";
import { changedAt, isFresh } from "./is-fresh.mjs";
import { run, secondsSince } from "./run.mjs";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const stagingPrefix = ".next-";
const { exports } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
const libraries = Object.values(exports).flatMap(
  ({ types }) => types?.slice("./dist/".length, -".d.ts".length) ?? [],
);

if (process.argv.includes("--if-stale") && (await isFresh(root))) process.exit(0);

const started = performance.now();
await mkdir(dist, { recursive: true });
// Built in another folder and moved at the end, so that a program that uses dist finds either the old or the new files.
const staging = await mkdtemp(join(dist, stagingPrefix));
try {
  await Promise.all([javaScript(), declarations()]);
  await replaceDist();
  // `npm run build --silent` prints nothing. The demo uses it.
  if (process.env.npm_config_loglevel !== "silent") console.log(`built dist in ${secondsSince(started)}`);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await rm(staging, { recursive: true, force: true });
}

async function javaScript() {
  const packages = await bundle(root, [...libraries, "cli"], staging);
  // The compiled schema contains a line of ajv.
  await notices(["node_modules/ajv", ...packages]);
  const cli = join(staging, "cli.js");
  if (!(await readFile(cli, "utf8")).startsWith("#!/usr/bin/env -S node --\n"))
    throw new Error("src/cli.ts has no shebang.");
  await chmod(cli, 0o755);
}

/** Writes the licenses of the packages whose code is in dist. */
async function notices(folders) {
  const parts = folders.map(async (folder) => {
    const license = (await readdir(join(root, folder))).find((name) => /^licen[cs]e/i.test(name));
    if (license === undefined) throw new Error(`${folder} has no license to ship.`);
    const { name, version } = JSON.parse(await readFile(join(root, folder, "package.json"), "utf8"));
    return `${name} ${version}\n\n${(await readFile(join(root, folder, license), "utf8")).trim()}\n`;
  });
  // The parser of undici is llhttp, compiled. The package of undici does not have its license.
  const parser = await readFile(join(import.meta.dirname, "licenses/llhttp"), "utf8");
  const { packages } = JSON.parse(await readFile(join(root, "package-lock.json"), "utf8"));
  const isInstalled = ({ dev, devOptional, peer }) => !dev && !devOptional && !peer;
  const installed = Object.keys(packages).filter((path) => path !== "" && isInstalled(packages[path]));
  const names = installed.map((path) => path.split("node_modules/").at(-1)).join(", ");
  const text = [
    `dist contains code of the packages below.\n
npm installs these packages besides, each with its license: ${names}.
A program that is bundled with this package contains their code too.\n`,
    ...(await Promise.all(parts)),
  ];
  text.push(`llhttp (in undici)\n\n${parser.trim()}\n`);
  await writeFile(join(staging, "THIRD-PARTY-NOTICES"), text.join(`\n${"-".repeat(80)}\n\n`));
}

/** Writes the declarations of the entry points and of all modules that they refer to. */
async function declarations() {
  const tsc = join(root, "node_modules/.bin/tsc");
  const { code, output } = await run(tsc, ["-p", "tsconfig.build.json", "--outDir", staging], { cwd: root });
  if (code !== 0) throw new Error(`tsc failed\n${output}`);
  const kept = new Set();
  const keep = async (name) => {
    if (kept.has(name)) return;
    kept.add(name);
    // A module that is imported only for its effect has no declarations.
    const text = (await readFile(join(staging, name), "utf8")).replaceAll(/^import "\.[^"]+";\n/gm, "");
    await writeFile(join(staging, name), text);
    for (const [, path] of text.matchAll(/(?:from |import\()"(\.[^"]+)\.js"/g))
      await keep(join(dirname(name), `${path}.d.ts`));
  };
  for (const name of libraries) await keep(`${name}.d.ts`);
  const all = await readdir(staging, { recursive: true });
  const internal = all.filter((name) => name.endsWith(".d.ts") && !kept.has(name));
  await Promise.all(internal.map((name) => rm(join(staging, name))));
}

/** Moves the chunks first and deletes the old files last, so that a program always finds all files of one build. */
async function replaceDist() {
  const files = await filesIn(staging);
  for (const file of files.toSorted((a, b) => Number(isEntry(a)) - Number(isEntry(b)))) {
    await mkdir(dirname(join(dist, file)), { recursive: true });
    await rename(join(staging, file), join(dist, file));
  }
  const current = new Set(files);
  for (const file of await filesIn(dist)) {
    if (!file.startsWith(stagingPrefix) && !current.has(file)) await rm(join(dist, file), { force: true });
  }
  for (const name of await readdir(dist)) {
    // A recent folder belongs to another build that is running. An older one is left from a build that was killed.
    const isLeft =
      name.startsWith(stagingPrefix) && (await changedAt(join(dist, name))) < Date.now() - 600_000;
    if (isLeft) await rm(join(dist, name), { recursive: true, force: true });
  }
}

/** Whether a file imports chunks, whose names change with what is in them. */
function isEntry(file) {
  return !file.startsWith(`chunks${sep}`);
}

async function filesIn(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}
