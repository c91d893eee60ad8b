// Child processes of the runner. Each leads a group, which is ended with it: nothing that a host starts outlives its tests.
import { spawn } from "node:child_process";
import { once } from "node:events";

/** @typedef {{ cwd: string, env: NodeJS.ProcessEnv, signal: AbortSignal }} Surroundings `signal` kills the group */

/**
 * A child that answers questions over IPC, one at a time.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Surroundings & { input?: Uint8Array }} options
 */
export function startChild(command, args, { input, ...surroundings }) {
  const { child, said, ended, kill } = start(command, args, "ipc", surroundings);
  child.stdin.end(input);
  let isStopping = false;
  const failure = ended.then((how) => {
    if (!isStopping) throw new Error(`The process ended too early (${how}).\n${said()}`);
  });
  failure.catch(() => {});

  return {
    /** Rejects with what the child says went wrong, or when it ends. */
    async ask(question) {
      const answered = once(child, "message");
      child.send(question, () => {});
      const [{ value, error }] = await Promise.race([answered, failure]);
      if (error !== undefined) throw new Error(error);
      return value;
    },
    /** What it printed. */
    said,
    /** Resolves when nothing of it is left. */
    async stop() {
      isStopping = true;
      kill();
      await ended;
    },
  };
}

/**
 * Runs a program to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Surroundings} surroundings
 * @returns {Promise<{ how: string, said: string }>} `how` it ended: its exit code or the signal
 */
export async function runProgram(command, args, surroundings) {
  const { child, said, ended, kill } = start(command, args, "ignore", surroundings);
  child.stdin.end();
  const how = await ended;
  kill();
  return { how, said: said() };
}

function start(command, args, fourth, { cwd, env, signal }) {
  const child = spawn(command, args, { cwd, env, stdio: ["pipe", "pipe", "pipe", fourth], detached: true });
  const output = { said: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output.said += text;
    });
  }
  child.stdin.on("error", () => {});
  const kill = () => {
    try {
      // Without a process id it did not start.
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // Nothing of the group is left.
    }
  };
  signal.addEventListener("abort", kill);
  const ended = new Promise((resolve) => {
    child.once("error", ({ message }) => resolve(message));
    // Not "exit", which can come before the last of what it printed.
    child.once("close", (code, by) => resolve(by ?? String(code)));
  });
  ended.then(() => signal.removeEventListener("abort", kill));
  return { child, said: () => output.said, ended, kill };
}
