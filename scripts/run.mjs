// Runs a program without a shell and gives what it said. Used by the scripts of this folder and by test/package.
import { spawn } from "node:child_process";

/**
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 * @returns {Promise<{ code: number, stdout: string, stderr: string, output: string }>} `output` is both streams as
 * they came. Never rejects for an exit code; a program that cannot be started has the code 127.
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    // Some programs colour whenever FORCE_COLOR is there, whatever it says.
    const { FORCE_COLOR: _, ...env } = process.env;
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...env, NO_COLOR: "1", ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const said = { stdout: "", stderr: "", output: "" };
    for (const name of ["stdout", "stderr"]) {
      child[name].setEncoding("utf8");
      child[name].on("data", (text) => {
        said[name] += text;
        said.output += text;
      });
    }
    child.on("error", (error) => resolve({ code: 127, ...said, output: `${said.output}${error.message}\n` }));
    child.on("close", (code, signal) =>
      resolve({ code: code ?? 1, ...said, ...(signal && { output: `${said.output}killed by ${signal}\n` }) }),
    );
  });
}

/**
 * Calls `job` for each item, at most `width` at a time, and gives the results in the order of the items.
 *
 * @template Item, Result
 * @param {readonly Item[]} items
 * @param {number} width
 * @param {(item: Item) => Promise<Result>} job
 * @returns {Promise<Result[]>}
 */
export async function inParallel(items, width, job) {
  const results = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) results[index] = await job(item);
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, worker));
  return results;
}

/** Seconds since a `performance.now()`, for people. */
export function secondsSince(start) {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
