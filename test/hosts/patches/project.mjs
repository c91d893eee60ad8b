// Creates a project folder with a config, the built package and the packages of this folder, and runs programs in it.
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { hangLimit } from "../../support/hang-limit.js";

const here = fileURLToPath(new URL(".", import.meta.url));
export const root = join(here, "../../..");
const { dependencies } = createRequire(import.meta.url)("./package.json");

/** Node 26 from npm, which some packages need. Tests also use the Node that runs this. */
export const newNode = join(here, "node_modules/node/bin/node");
export const bun = join(here, "node_modules/bun/bin/bun.exe");

/** The flag that a person adds to the command. */
export const registerFlag = ["--import", "mcp-auth-runtime/register"];

/**
 * @param {object | undefined} config
 * @param {Record<string, string>} files the text of each file by name
 */
export async function createProject(config, files = {}) {
  const folder = await realpath(await mkdtemp(join(tmpdir(), "patches-")));
  const modules = join(folder, "node_modules");
  await mkdir(modules);
  await link(root, join(modules, "mcp-auth-runtime"));
  await Promise.all(
    Object.keys(dependencies).map((name) => link(join(here, "node_modules", name), join(modules, name))),
  );
  const all = { ...files, ...(config && { "mcp-auth.config.json": JSON.stringify(config) }) };
  await Promise.all(Object.entries(all).map(([name, text]) => writeFile(join(folder, name), text)));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

async function link(target, path) {
  await mkdir(dirname(path), { recursive: true });
  await symlink(target, path);
}

/**
 * Runs a program of the project. Resolves with its exit code and output.
 *
 * @param {{ folder: string }} project
 * @param {{ command?: string, args?: string[], env?: Record<string, string> }} options
 */
export async function run(
  { folder },
  { command = newNode, args = [...registerFlag, "agent.mjs"], env = {} } = {},
) {
  const { PATH = "", HOME = folder } = process.env;
  const child = spawn(command, args, {
    cwd: folder,
    env: { PATH, HOME, ...env },
    stdio: ["ignore", "pipe", "pipe"],
    signal: AbortSignal.timeout(hangLimit),
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = [[], []];
  child.stdout.on("data", (chunk) => stdout.push(chunk));
  child.stderr.on("data", (chunk) => stderr.push(chunk));
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}

/** Parses the last line that a successful program has printed as JSON. */
export function printed({ code, stdout, stderr }) {
  if (code !== 0) throw new Error(`exit code ${code}\n${stdout}${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}
