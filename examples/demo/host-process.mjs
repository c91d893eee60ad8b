// Runs plain-host.mjs in a child process.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** The command that a person would type, without the path of the settings. */
export const command = ["--import", "mcp-auth-runtime/register", "examples/demo/plain-host.mjs"];

/**
 * Starts the host, which calls its servers until `stop()`.
 *
 * @param {string} settings the path of its `.mcp.json`
 * @param {Readonly<Record<string, string>>} env the variables that the config needs
 */
export function startHost(settings, env) {
  // Node resolves the module of `--import` from the working directory.
  const cwd = fileURLToPath(new URL("../../", import.meta.url));
  const child = spawn(process.execPath, [...command, settings], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
    // Ctrl-C reaches the whole process group, so the host has its own. It ends with the demo, which closes its input.
    detached: true,
  });
  child.stdin.on("error", () => {});
  const latest = new Map();
  createInterface(child.stdout).on("line", (line) => {
    const calls = JSON.parse(line);
    latest.set(calls.server, calls);
    child.emit("called");
  });

  let isStopping = false;
  const closed = once(child, "close");
  const failure = new Promise((_resolve, reject) => {
    child.once("close", (code, signal) => {
      if (!isStopping || code > 0) reject(new Error(`The host ended unexpectedly (${signal ?? code}).`));
    });
  });
  failure.catch(() => {});

  return {
    /** Returns the calls so far, the tools and the last answer of each server. */
    outcome: () => [...latest.values()],
    /** Resolves when this number of servers has been called. */
    async called(servers) {
      while (latest.size < servers) await Promise.race([once(child, "called"), failure]);
    },
    /** Rejects if the host ends before `stop()`, or with an error. Never resolves. */
    failure,
    /** Waits for running calls, and for the end of the process. */
    async stop() {
      isStopping = true;
      child.stdin.end();
      await closed;
    },
    /** Ends the process at once. */
    async kill() {
      isStopping = true;
      child.kill("SIGKILL");
      await closed;
    },
  };
}
