// The steps of `npm run check`. Each is a command that fails with something to read; `npm run check:self` proves that
// they do.
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { run } from "./run.mjs";

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {boolean} [usesDist] Whether it needs `build` to have run.
 * @property {(root: string) => Promise<{ code: number, output: string }>} check
 */

/** @type {readonly Step[]} */
export const steps = [
  { name: "build", check: (root) => node(root, "scripts/build.mjs") },
  { name: "types", check: (root) => tool(root, "tsc", "--noEmit", "-p", "tsconfig.json") },
  {
    name: "biome",
    check: (root) => tool(root, "biome", "check", "--error-on-warnings", "--max-diagnostics=40", "."),
  },
  { name: "knip", check: (root) => tool(root, "knip", "--no-progress", "--treat-config-hints-as-errors") },
  { name: "generated", check: (root) => node(root, "scripts/generate.mjs", "--check") },
  { name: "imports", check: (root) => node(root, "scripts/check-imports.mjs") },
  { name: "files", check: (root) => node(root, "scripts/check-files.mjs") },
  {
    name: "publint",
    usesDist: true,
    check: (root) => tool(root, "publint", "run", "--strict", "--pack", "false"),
  },
  { name: "attw", usesDist: true, check: areTheTypesWrong },
  { name: "run-time", usesDist: true, check: runTime },
];

function tool(root, name, ...args) {
  return run(join(root, "node_modules/.bin", name), args, { cwd: root });
}

function node(root, ...args) {
  return run(process.execPath, args, { cwd: root });
}

async function areTheTypesWrong(root) {
  return inTemporaryFolder("attw-", async (folder) => {
    const packed = await run("npm", ["pack", "--ignore-scripts", "--pack-destination", folder], {
      cwd: root,
    });
    if (packed.code !== 0) return packed;
    const [tarball] = await readdir(folder);
    const options = ["--profile", "esm-only", "--no-definitely-typed", "--no-color", "--no-emoji"];
    return tool(root, "attw", join(folder, tarball), ...options);
  });
}

/** The package as it is installed, with nothing but its dependencies beside it: no ajv, no other tool of ours. */
async function runTime(root) {
  return inTemporaryFolder("run-time-", async (folder) => {
    const manifest = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
    const installed = join(folder, "node_modules", manifest.name);
    await mkdir(installed, { recursive: true });
    for (const name of ["package.json", "dist", "schema"]) {
      await cp(join(root, name), join(installed, name), { recursive: true });
    }
    for (const name of Object.keys(manifest.dependencies)) {
      const link = join(folder, "node_modules", name);
      await mkdir(dirname(link), { recursive: true });
      await symlink(join(root, "node_modules", name), link, "dir");
    }
    return node(folder, join(root, "scripts/check-run-time.mjs"), installed);
  });
}

async function inTemporaryFolder(prefix, job) {
  const folder = await mkdtemp(join(tmpdir(), prefix));
  try {
    return await job(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
