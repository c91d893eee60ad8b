// Child processes of the runner. Each one leads a process group that is killed with it, so nothing that a host starts
// survives.
import { spawn } from "node:child_process";
import { once } from "node:events";

/** @typedef {{ cwd: string, env: NodeJS.ProcessEnv, signal: AbortSignal }} Surroundings `signal` kills the group */

/**
 * Starts a child that answers questions over IPC, one at a time.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Surroundings & { input?: Uint8Array }} options
 */
export function startChild(command, args, { input, ...surroundings }) {
  const { child, printed, ended, kill } = start(command, args, "ipc", surroundings);
  child.stdin.end(input);
  let isStopping = false;
  const failure = ended.then((how) => {
    if (!isStopping) throw new Error(`The process ended unexpectedly (${how}).\n${printed()}`);
  });
  failure.catch(() => {});

  return {
    /** Asks the child. Rejects with the child's error, or if the child ends. */
    async ask(question) {
      const answered = once(child, "message");
      child.send(question, () => {});
      const [{ value, error }] = await Promise.race([answered, failure]);
      if (error !== undefined) throw new Error(error);
      return value;
    },
    /** Returns what the child printed. */
    printed,
    /** Kills the process group and waits for its end. */
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
 * @returns {Promise<{ how: string, printed: string }>} `how` it ended: the exit code or the signal
 */
export async function runProgram(command, args, surroundings) {
  const { child, printed, ended, kill } = start(command, args, "ignore", surroundings);
  child.stdin.end();
  const how = await ended;
  kill();
  return { how, printed: printed() };
}

function start(command, args, fourth, { cwd, env, signal }) {
  const child = spawn(command, args, { cwd, env, stdio: ["pipe", "pipe", "pipe", fourth], detached: true });
  const output = { text: "" };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output.text += text;
    });
  }
  child.stdin.on("error", () => {});
  const kill = () => {
    try {
      // Without a process ID, the child did not start.
      if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
    } catch {
      // The group has already ended.
    }
  };
  signal.addEventListener("abort", kill);
  const ended = new Promise((resolve) => {
    child.once("error", ({ message }) => resolve(message));
    // "close" and not "exit", which can be emitted before the last output.
    child.once("close", (code, by) => resolve(by ?? String(code)));
  });
  ended.then(() => signal.removeEventListener("abort", kill));
  return { child, printed: () => output.text, ended, kill };
}
