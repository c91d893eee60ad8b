// Child processes of the runner. Each one leads a process group that is killed with it, so nothing that a host starts
// survives.
import { spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";

/** @typedef {{ cwd: string, env: NodeJS.ProcessEnv, signal: AbortSignal }} Surroundings `signal` kills the group */

/**
 * Starts a child that can be asked over IPC, one question at a time, or over its standard streams.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {Surroundings & { input?: Uint8Array }} options `input` is all that the child reads; by default, what is written
 */
export function startChild(command, args, { input, ...surroundings }) {
  const { child, output, ended, kill } = start(command, args, surroundings);
  if (input !== undefined) child.stdin.end(input);
  let isStopping = false;
  const failure = ended.then((how) => {
    if (!isStopping) throw new Error(`The process ended unexpectedly (${how}).\n${lastLines(output.text)}`);
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
    /** Writes to the child's stdin. */
    write: (text) => void child.stdin.write(text),
    /** Returns what the child printed. */
    printed: () => output.text,
    /**
     * Waits until a look at what the child printed returns a value, and resolves with it. Rejects if the child ends, or
     * prints nothing for `limit` milliseconds.
     */
    async until(look, limit) {
      while (true) {
        const value = look();
        if (value !== undefined) return value;
        const signal = AbortSignal.timeout(limit);
        const printsMore = once(output.changes, "text", { signal }).catch(() => {
          throw new Error(`The process printed nothing more within ${limit / 1_000} s.`);
        });
        await Promise.race([printsMore, failure]);
      }
    },
    /** Kills the process group and waits for its end. */
    async stop() {
      isStopping = true;
      kill();
      await ended;
    },
  };
}

function start(command, args, { cwd, env, signal }) {
  const child = spawn(command, args, { cwd, env, stdio: ["pipe", "pipe", "pipe", "ipc"], detached: true });
  const output = { text: "", changes: new EventEmitter() };
  // One listener for each question that waits.
  output.changes.setMaxListeners(0);
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output.text += text;
      output.changes.emit("text");
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
  return { child, output, ended, kill };
}

/** Returns the end of a text, which is enough to see why a process failed. */
export function lastLines(text) {
  return text.trimEnd().split("\n").slice(-40).join("\n");
}
