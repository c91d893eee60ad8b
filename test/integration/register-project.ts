// A project for `mcp-auth-runtime/register`: a folder with the built package and a config, in which programs run.

import { spawn } from "node:child_process";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { hangLimit } from "../support/hang-limit.js";
import { temporaryFolder } from "../support/temporary-folder.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The flag that a user adds to the `node` command. */
export const registerFlag: readonly string[] = ["--import", "mcp-auth-runtime/register"];

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** Default: `registerFlag`. */
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Default: `agent.mjs`. */
  readonly program?: string;
  /** Closes the program's stdin when it resolves. */
  readonly until?: Promise<unknown>;
}

export interface Project {
  readonly folder: string;
  write(name: string, text: string): Promise<void>;
  /** Runs a program in the folder with Node. */
  run(options?: RunOptions): Promise<Ended>;
}

/** Creates a project and deletes it when the test ends. `undefined` creates one without a config. */
export async function createProject(
  config: object | string | undefined,
  env: Readonly<Record<string, string>>,
  agent = "",
): Promise<Project> {
  const folder = await temporaryFolder();
  const write = (name: string, text: string) => writeFile(join(folder, name), text);
  await mkdir(join(folder, "node_modules"));
  await symlink(root, join(folder, "node_modules/mcp-auth-runtime"));
  await write("agent.mjs", agent);
  if (config !== undefined) {
    await write("mcp-auth.config.json", typeof config === "string" ? config : JSON.stringify(config));
  }
  return { folder, write, run: (options) => run(folder, env, options) };
}

async function run(
  cwd: string,
  projectEnv: Readonly<Record<string, string>>,
  { flags = registerFlag, env = {}, program = "agent.mjs", until }: RunOptions = {},
): Promise<Ended> {
  const { PATH = "" } = process.env;
  const child = spawn(process.execPath, [...flags, program], {
    cwd,
    env: { PATH, ...projectEnv, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  // Writing to the stdin of an ended program fails.
  child.stdin.on("error", () => {});
  (until ?? Promise.resolve()).then(
    () => child.stdin.end(),
    () => child.kill("SIGKILL"),
  );
  const limit = setTimeout(() => child.kill("SIGKILL"), hangLimit);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(limit);
  return { code, stdout: Buffer.concat(stdout).toString(), stderr: Buffer.concat(stderr).toString() };
}

/** Parses the stdout of a program as JSON. Throws unless the program succeeded and printed no warnings. */
export function printed({ code, stdout, stderr }: Ended): unknown {
  if (code !== 0 || stderr !== "") throw new Error(`exit code ${code}\n${stdout}${stderr}`);
  return JSON.parse(stdout);
}
