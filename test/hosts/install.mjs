// Prepares the hosts: a recent Node, the packed project, and the packages of the hosts.
import { execFileSync } from "node:child_process";
import { access, cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { run } from "../../scripts/run.mjs";

/** The oldest Node that mcporter supports, which has the highest requirement. */
const oldestNode = 24;

/**
 * Returns the Node for the hosts: HOSTS_NODE, or the Node that runs this if it is new enough, or one from npm.
 *
 * @param {string} folder a temporary folder
 * @returns {Promise<{ path: string, version: string }>}
 */
export async function nodeForHosts(folder) {
  const named = process.env["HOSTS_NODE"];
  const path = named
    ? resolve(named)
    : isNewEnough(process.version)
      ? process.execPath
      : await install(folder);
  const version = execFileSync(path, ["--version"], { encoding: "utf8" }).trim();
  if (!isNewEnough(version))
    throw new Error(`HOSTS_NODE is Node ${version}, but the hosts need Node ${oldestNode} or later.`);
  return { path, version };
}

function isNewEnough(version) {
  return Number(/^v(\d+)\./.exec(version)?.[1]) >= oldestNode;
}

/** Installs the npm package `node`, whose install script adds a Node to its folder. */
async function install(folder) {
  const project = join(folder, "node");
  await mkdir(project);
  await writeFile(join(project, "package.json"), '{ "private": true, "allowScripts": { "node": true } }\n');
  await npm(project, "install", "--no-save", "--ignore-scripts=false", "node@26");
  const installed = join(project, "node_modules/node");
  const path = join(installed, "bin/node");
  // A policy of npm may have blocked the install script.
  await access(path).catch(() =>
    execFileSync(process.execPath, ["installArchSpecificPackage.js"], { cwd: installed }),
  );
  return path;
}

/** Packs a package as it is published, and returns the path of the tarball. */
export async function pack(root, folder) {
  await mkdir(folder, { recursive: true });
  // `npm run test:hosts` has built the project if necessary.
  await npm(root, "pack", "--ignore-scripts", "--pack-destination", folder);
  const name = (await readdir(folder)).find((each) => each.endsWith(".tgz"));
  if (name === undefined) throw new Error("npm pack created no tarball.");
  return join(folder, name);
}

/**
 * Installs the dependencies of a host, and our own packages.
 *
 * @param {string} source the folder of the host, with its package.json and lock file
 * @param {readonly string[]} tarballs our packages
 * @param {boolean} takesLatest installs the newest versions instead of the locked ones
 */
export async function installHost(source, folder, tarballs, takesLatest) {
  await mkdir(folder, { recursive: true });
  const files = [".npmrc", "package.json", ...(takesLatest ? [] : ["package-lock.json"])];
  for (const file of files) await cp(join(source, file), join(folder, file));
  if (takesLatest) {
    const { dependencies } = await manifest(folder);
    const newest = Object.keys(dependencies).map((name) => `${name}@latest`);
    await npm(folder, "install", "--ignore-scripts", "--prefer-online", ...newest);
  } else {
    await npm(folder, "ci", "--ignore-scripts", "--prefer-offline");
  }
  await npm(folder, "install", "--no-save", "--ignore-scripts", "--prefer-offline", ...tarballs);
}

/** @returns {Promise<string[]>} the packages that are not installed in the version of package.json */
export async function wrongVersions(folder) {
  const { dependencies } = await manifest(folder);
  const wrong = await Promise.all(
    Object.entries(dependencies).map(async ([name, expected]) => {
      const version = await installedVersion(folder, name);
      return version === expected ? [] : [`${name} is ${version} instead of ${expected}`];
    }),
  );
  return wrong.flat();
}

/** Returns the installed version of a package. */
export async function installedVersion(folder, name) {
  return (await manifest(join(folder, "node_modules", name))).version;
}

/**
 * Checks the types of all TypeScript files in a folder in strict mode, as a user would. Returns what tsc prints, an empty
 * text if all is well.
 *
 * @param {"bundler"} [moduleResolution] default: as Node does
 */
export async function typeMistakes(root, folder, moduleResolution) {
  const compilerOptions = {
    ...(moduleResolution ? { module: "esnext", moduleResolution } : { module: "nodenext" }),
    ...{ target: "es2023", moduleDetection: "force", noEmit: true },
    ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
    // The declarations of some hosts have mistakes of their own.
    ...{ skipLibCheck: true, erasableSyntaxOnly: true, verbatimModuleSyntax: true },
    ...{ types: ["node"], typeRoots: [join(root, "node_modules/@types")] },
  };
  const config = join(folder, "tsconfig.json");
  await writeFile(config, JSON.stringify({ compilerOptions, include: ["./*.ts"] }));
  const { code, output } = await run(join(root, "node_modules/.bin/tsc"), ["-p", config]);
  return code === 0 ? "" : output;
}

async function manifest(folder) {
  return JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
}

async function npm(cwd, ...args) {
  const { code, output } = await run("npm", [...args, "--no-audit", "--no-fund"], { cwd });
  if (code !== 0) throw new Error(`npm ${args[0]} failed in ${cwd}\n${output}`);
}
