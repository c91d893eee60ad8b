// What the hosts need before they run: a Node that is new enough, the packed project, and their packages.
import { execFileSync } from "node:child_process";
import { access, cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { run } from "../../scripts/run.mjs";

/** What mcporter asks for, the most demanding of the hosts. */
const oldestNode = 24;

/**
 * The Node that the hosts run on: HOSTS_NODE, else the one that runs this if it is new enough, else one from npm.
 *
 * @param {string} folder a temporary one
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
  if (!isNewEnough(version)) throw new Error(`HOSTS_NODE is Node ${version}. The hosts need ${oldestNode}.`);
  return { path, version };
}

function isNewEnough(version) {
  return Number(/^v(\d+)\./.exec(version)?.[1]) >= oldestNode;
}

/** The npm package `node` puts a Node into its folder by its install script. */
async function install(folder) {
  const project = join(folder, "node");
  await mkdir(project);
  await writeFile(join(project, "package.json"), '{ "private": true, "allowScripts": { "node": true } }\n');
  await npm(project, "install", "--no-save", "--ignore-scripts=false", "node@26");
  const installed = join(project, "node_modules/node");
  const path = join(installed, "bin/node");
  // Where a policy of npm's held the script back.
  await access(path).catch(() =>
    execFileSync(process.execPath, ["installArchSpecificPackage.js"], { cwd: installed }),
  );
  return path;
}

/** The project as it is published; gives the tarball. */
export async function pack(root, folder) {
  // The build is fresh: `npm run test:hosts` sees to that.
  await npm(root, "pack", "--ignore-scripts", "--pack-destination", folder);
  const name = (await readdir(folder)).find((each) => each.endsWith(".tgz"));
  if (name === undefined) throw new Error("npm packed nothing.");
  return join(folder, name);
}

/** Copies the package of a host, installs what its lock file says, and the project beside it as a stranger would. */
export async function installHost(source, folder, tarball) {
  await cp(source, folder, { recursive: true, filter: (path) => !path.endsWith("node_modules") });
  await npm(folder, "ci", "--ignore-scripts", "--prefer-offline");
  await npm(folder, "install", "--no-save", "--ignore-scripts", "--prefer-offline", tarball);
}

/** @returns {Promise<string[]>} what is installed in another version than package.json says */
export async function wrongVersions(folder) {
  const { dependencies } = await manifest(folder);
  const wrong = await Promise.all(
    Object.entries(dependencies).map(async ([name, expected]) => {
      const { version } = await manifest(join(folder, "node_modules", name));
      return version === expected ? [] : [`${name} ${version}, not ${expected}`];
    }),
  );
  return wrong.flat();
}

async function manifest(folder) {
  return JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
}

async function npm(cwd, ...args) {
  const { code, output } = await run("npm", [...args, "--no-audit", "--no-fund"], { cwd });
  if (code !== 0) throw new Error(`npm ${args[0]} failed in ${cwd}\n${output}`);
}
