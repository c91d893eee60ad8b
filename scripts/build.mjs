// `npm run build`: src to dist, JavaScript by esbuild and declarations by tsc. With `--if-stale` only when a source is
// newer than what is there.
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { fuse } from "./fuse.mjs";
import { run, secondsSince } from "./run.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const stagingPrefix = ".next-";
/** The modules of `exports` in package.json. */
const libraries = ["index", "hosts/mcp-sdk", "register", "register/api", "testing"];

if (process.argv.includes("--if-stale") && (await isFresh())) process.exit(0);

const started = performance.now();
await mkdir(dist, { recursive: true });
// Built aside and moved into place in the end, so that whoever uses dist meanwhile sees the old or the new one.
const staging = await mkdtemp(join(dist, stagingPrefix));
try {
  await Promise.all([javaScript(), declarations()]);
  await replace();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  await rm(staging, { recursive: true, force: true });
}
// Quiet under `npm run build --silent`, as before the demo.
const quiet = process.env.npm_config_loglevel === "silent";
if (process.exitCode !== 1 && !quiet) console.log(`built dist in ${secondsSince(started)}`);

async function javaScript() {
  const outfile = join(staging, "fused.js");
  const fused = await fuse({ root, outfile });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: [...libraries, "cli"].map((name) => `src/${name}.ts`),
    outbase: "src",
    outdir: staging,
    bundle: true,
    // What several entry points share is shared at run time too, and what is imported lazily stays apart.
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20.19",
    legalComments: "none",
    logLevel: "warning",
    metafile: true,
    plugins: [fused.plugin],
  });
  await rm(outfile);
  // Of ajv the compiled schema has a line.
  await notices(["node_modules/ajv", ...fused.libraries]);
  const small = [outfile, join(root, "src/config/generated/validate.js")];
  for (const [name, { inputs }] of Object.entries(metafile.outputs)) {
    if (Object.keys(inputs).some((input) => small.includes(join(root, input))))
      await shrink(join(root, name));
  }
  const cli = join(staging, "cli.js");
  if (!(await readFile(cli, "utf8")).startsWith("#!/usr/bin/env -S node --\n"))
    throw new Error("src/cli.ts has no shebang.");
  await chmod(cli, 0o755);
}

/** The licenses of what is built in. */
async function notices(folders) {
  const parts = await Promise.all(
    folders.map(async (folder) => {
      const license = (await readdir(join(root, folder))).find((name) => /^licen[cs]e/i.test(name));
      if (license === undefined) throw new Error(`${folder} has no license to ship.`);
      const { name, version } = JSON.parse(await readFile(join(root, folder, "package.json"), "utf8"));
      return `${name} ${version}\n\n${(await readFile(join(root, folder, license), "utf8")).trim()}\n`;
    }),
  );
  const text = ["dist has code of these packages.\n", ...parts].join(`\n${"-".repeat(80)}\n\n`);
  await writeFile(join(staging, "THIRD-PARTY-NOTICES"), text);
}

/** A start pays for each byte: 30 kB less are a twentieth of what it adds on Node 26. */
async function shrink(path) {
  const { code } = await transform(await readFile(path, "utf8"), {
    format: "esm",
    minify: true,
    target: "node20.19",
    legalComments: "none",
  });
  await writeFile(path, code);
}

async function declarations() {
  const tsc = join(root, "node_modules/.bin/tsc");
  const { code, output } = await run(tsc, ["-p", "tsconfig.build.json", "--outDir", staging], { cwd: root });
  if (code !== 0) throw new Error(`tsc failed\n${output}`);
  await keepPublic(await readdir(staging, { recursive: true }));
}

/** The compiler declares every module; whoever uses the package sees those that its entry points speak of. */
async function keepPublic(names) {
  const kept = new Set();
  const keep = async (name) => {
    if (kept.has(name)) return;
    kept.add(name);
    const text = await readFile(join(staging, name), "utf8");
    const specifiers = [...text.matchAll(/(?:from |import\()"(\.[^"]+)\.js"/g)].map(
      ([, specifier]) => specifier,
    );
    for (const specifier of specifiers) await keep(join(dirname(name), `${specifier}.d.ts`));
  };
  for (const name of libraries) await keep(`${name}.d.ts`);
  const declared = names.filter((name) => name.endsWith(".d.ts"));
  await Promise.all(declared.filter((name) => !kept.has(name)).map((name) => rm(join(staging, name))));
}

async function replace() {
  for (const name of await readdir(dist)) {
    // Another build that runs now needs its folder; one that was killed left it.
    const runs = name.startsWith(stagingPrefix) && (await changedAt(join(dist, name))) > Date.now() - 600_000;
    if (!runs) await rm(join(dist, name), { recursive: true, force: true });
  }
  for (const name of await readdir(staging)) await rename(join(staging, name), join(dist, name));
}

async function isFresh() {
  const built = await changedAt(join(dist, "index.d.ts"));
  const inputs = [
    "package.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "scripts/build.mjs",
    "scripts/fuse.mjs",
  ];
  const sources = await readdir(join(root, "src"), { recursive: true });
  const times = await Promise.all(
    [...inputs, "src", ...sources.map((name) => join("src", name))].map((name) =>
      changedAt(join(root, name)),
    ),
  );
  return Math.max(...times) < built;
}

async function changedAt(path) {
  return (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
}
