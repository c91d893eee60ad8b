import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createClient } from "redis";

const script = fileURLToPath(new URL("agent.mjs", import.meta.url));

/** The report of one process at its end. */
export interface AgentReport {
  readonly calls: number;
  readonly failures: readonly string[];
  /** The tokens that it used, in order. */
  readonly tokens: readonly string[];
  /** The number of tokens that it requested itself. */
  readonly renewals: number;
  /** The number of `store:down` events. */
  readonly down: number;
  /** Milliseconds from its start to its report, by its own clock. */
  readonly lived: number;
  /** With `TOOLS`: the number of answers by tool and status. */
  readonly answers: Readonly<Record<string, number>>;
}

/** The current state of one process. */
export interface AgentState {
  readonly token: string;
  /** As in `AgentReport`. */
  readonly renewals: number;
}

export interface Fleet {
  /** Starts all processes at the same moment. Resolves when the first call of each has ended. */
  start(): Promise<void>;
  /** Moves the clock of each process forward. */
  advance(milliseconds: number): Promise<void>;
  current(): Promise<readonly AgentState[]>;
  /** Ends all processes and returns their reports. */
  report(): Promise<readonly AgentReport[]>;
  readonly processes: readonly ChildProcess[];
  /** Kills all processes, for example after a failed test. */
  kill(): void;
}

/** Forks the processes of a fleet. They have loaded the package, and make no request before `start()`. */
export async function startFleet(
  size: number,
  config: object,
  env: Readonly<Record<string, string>>,
): Promise<Fleet> {
  const processes = Array.from({ length: size }, () =>
    fork(script, { env: { ...process.env, ...env, FLEET_CONFIG: JSON.stringify(config) } }),
  );
  await Promise.all(processes.map((child) => once(child, "message")));
  /** Sends a message, and resolves with the member `name` of the answer. */
  const ask = async (child: ChildProcess, message: string | object, name: string): Promise<unknown> => {
    const answer = new Promise<unknown>((resolve) => {
      child.on("message", function listen(message: object) {
        if (!(name in message)) return;
        child.off("message", listen);
        // `in` has shown that the member exists.
        resolve((message as Readonly<Record<string, unknown>>)[name]);
      });
    });
    child.send(message);
    return await answer;
  };
  return {
    processes,
    async start() {
      await Promise.all(processes.map((child) => ask(child, "start", "called")));
    },
    async advance(milliseconds) {
      await Promise.all(processes.map((child) => ask(child, { advance: milliseconds }, "advanced")));
    },
    async current() {
      const answers = await Promise.all(processes.map((child) => ask(child, "current", "current")));
      // The type of what `agent.mjs` sends.
      return answers.map((answer) => answer as AgentState);
    },
    async report() {
      const answers = await Promise.all(
        processes.map(async (child) => {
          const ended = once(child, "exit");
          const answer = await ask(child, "report", "report");
          await ended;
          return answer;
        }),
      );
      // The type of what `agent.mjs` sends.
      return answers.map((answer) => answer as AgentReport);
    },
    kill() {
      for (const child of processes) child.kill("SIGKILL");
    },
  };
}

/** Moves the time of all entries in Redis forward. */
export async function advanceRedis({ url }: { readonly url: string }, milliseconds: number): Promise<void> {
  const client = await createClient({ url }).connect();
  for (const key of await client.keys("*")) {
    const left = await client.pTTL(key);
    if (left >= 0) await client.pExpire(key, left - milliseconds);
  }
  client.destroy();
}
