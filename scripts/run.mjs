// Runs programs. Used by these scripts and by tests.
import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {import("node:child_process").SpawnOptions} [options]
 * @returns {Promise<{ code: number, stdout: string, stderr: string, output: string }>} `output` contains both streams,
 * in the order in which the text arrived. Never rejects; the code of a program that does not start is 127.
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    // Some programs print colors if FORCE_COLOR is set to any value.
    const { FORCE_COLOR: _, ...inherited } = process.env;
    const env = { ...inherited, NO_COLOR: "1", ...options.env };
    const child = spawn(command, args, { ...options, env, stdio: ["ignore", "pipe", "pipe"] });
    const said = { stdout: "", stderr: "", output: "" };
    for (const name of ["stdout", "stderr"]) {
      child[name].setEncoding("utf8").on("data", (text) => {
        said[name] += text;
        said.output += text;
      });
    }
    const end = (code, problem) => resolve({ ...said, code, output: said.output + problem });
    child.on("error", ({ message }) => end(127, message));
    child.on("close", (code, signal) => end(code ?? 1, signal ? `killed by ${signal}\n` : ""));
  });
}

/** Runs a script of package.json as npm does, but without the time that npm takes. */
export async function runScript(name, folder = process.cwd()) {
  const { scripts } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
  const PATH = [join(folder, "node_modules/.bin"), process.env.PATH].join(delimiter);
  // attw packs the package, which would build it again.
  const env = { PATH, npm_config_ignore_scripts: "true" };
  return run(scripts[name], [], { cwd: folder, shell: true, env });
}

/** Calls `job` for each item, at most `width` at a time, and returns the results in the order of the items. */
export async function inParallel(items, width, job) {
  const results = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await job(item);
  };
  await Promise.all(Array.from({ length: width }, worker));
  return results;
}

/** Returns the seconds since a `performance.now()`, as text. */
export function secondsSince(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
