// Runs plain-host.mjs in a child process.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** What a person would type, but for the path of the settings. */
export const command = ["--import", "mcp-auth-runtime/register", "examples/demo/plain-host.mjs"];

/**
 * Starts the host. It calls its servers until it is told to stop.
 *
 * @param {string} settings the path of its `.mcp.json`
 * @param {Readonly<Record<string, string>>} env what the config needs
 */
export function startHost(settings, env) {
  // Node looks for the module of `--import` from here.
  const cwd = fileURLToPath(new URL("../../", import.meta.url));
  const child = spawn(process.execPath, [...command, settings], {
    cwd,
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "inherit"],
    // Ctrl-C reaches the whole group; the demo ends it, or its own end does, which ends its input.
    detached: true,
  });
  child.stdin.on("error", () => {});
  const latest = new Map();
  createInterface(child.stdout).on("line", (line) => {
    const calls = JSON.parse(line);
    latest.set(calls.server, calls);
    child.emit("called");
  });

  let ending = false;
  const ended = once(child, "close");
  const failure = new Promise((_resolve, reject) => {
    child.once("close", (code, signal) => {
      if (!ending || code > 0) reject(new Error(`The host ended (${signal ?? code}).`));
    });
  });
  failure.catch(() => {});

  return {
    /** Of each server: how its calls went until now, its tools and its last answer. */
    outcome: () => [...latest.values()],
    /** Resolves when each of so many servers has been called. */
    async called(servers) {
      while (latest.size < servers) await Promise.race([once(child, "called"), failure]);
    },
    /** Rejects when it ends before it is told to, or with an error; never resolves. */
    failure,
    /** Lets the calls under way end. Nothing of it is left when this resolves. */
    async stop() {
      ending = true;
      child.stdin.end();
      await ended;
    },
    /** Ends it at once. */
    async kill() {
      ending = true;
      child.kill("SIGKILL");
      await ended;
    },
  };
}
