import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const script = fileURLToPath(new URL("agent.mjs", import.meta.url));

/** What one process saw. */
export interface Seen {
  readonly calls: number;
  readonly failures: readonly string[];
  /** Each once, in order. */
  readonly tokens: readonly string[];
  /** When each token ends that it has asked for by itself, milliseconds since the epoch. */
  readonly renewals: readonly number[];
  readonly down: number;
  /** With `TOOLS`: how often which tool gave which status. */
  readonly answers: Readonly<Record<string, number>>;
}

export interface Fleet {
  /** All of them begin at the same moment; resolves when each has a token, to those. */
  go(): Promise<readonly string[]>;
  /** They end. */
  report(): Promise<readonly Seen[]>;
  readonly processes: readonly ChildProcess[];
  /** For a test that fails. */
  kill(): void;
}

/** So many processes, which have loaded everything and asked for nothing. */
export async function startFleet(
  size: number,
  config: object,
  env: Readonly<Record<string, string>>,
): Promise<Fleet> {
  const processes = Array.from({ length: size }, () =>
    fork(script, { env: { ...process.env, ...env, FLEET_CONFIG: JSON.stringify(config) } }),
  );
  await Promise.all(processes.map((child) => once(child, "message")));
  const told = async (child: ChildProcess, message: string): Promise<unknown> => {
    const answer = once(child, "message");
    child.send(message);
    const [said]: unknown[] = await answer;
    return said;
  };
  return {
    processes,
    async go() {
      const answers = await Promise.all(processes.map((child) => told(child, "go")));
      // What `agent.mjs` sends.
      return answers.map((answer) => (answer as { readonly first: string }).first);
    },
    async report() {
      const answers = await Promise.all(
        processes.map(async (child) => {
          const ended = once(child, "exit");
          const answer = await told(child, "report");
          await ended;
          return answer;
        }),
      );
      // What `agent.mjs` sends.
      return answers.map((answer) => (answer as { readonly report: Seen }).report);
    },
    kill() {
      for (const child of processes) child.kill("SIGKILL");
    },
  };
}
