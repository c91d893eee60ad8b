import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { createClient } from "redis";

const script = fileURLToPath(new URL("agent.mjs", import.meta.url));

/** What one process saw. */
export interface Seen {
  readonly calls: number;
  readonly failures: readonly string[];
  /** Each once, in order. */
  readonly tokens: readonly string[];
  /** Tokens that it has asked for by itself. */
  readonly renewals: number;
  readonly down: number;
  /** Milliseconds by its own clock, from its start to its report. */
  readonly lived: number;
  /** With `TOOLS`: how often which tool gave which status. */
  readonly answers: Readonly<Record<string, number>>;
}

/** What one process has at a moment. */
export interface Present {
  readonly token: string;
  /** As in `Seen`. */
  readonly renewals: number;
}

export interface Fleet {
  /** All of them begin at the same moment; resolves when the first call of each has ended. */
  go(): Promise<void>;
  /** So many milliseconds pass for each of them. */
  pass(milliseconds: number): Promise<void>;
  present(): Promise<readonly Present[]>;
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
  /** What it answers under that name. */
  const told = async (child: ChildProcess, message: string | object, name: string): Promise<unknown> => {
    const answer = new Promise<unknown>((resolve) => {
      child.on("message", function listen(said: object) {
        if (!(name in said)) return;
        child.off("message", listen);
        // It is there.
        resolve((said as Readonly<Record<string, unknown>>)[name]);
      });
    });
    child.send(message);
    return await answer;
  };
  return {
    processes,
    async go() {
      await Promise.all(processes.map((child) => told(child, "go", "called")));
    },
    async pass(milliseconds) {
      await Promise.all(processes.map((child) => told(child, { pass: milliseconds }, "passed")));
    },
    async present() {
      const answers = await Promise.all(processes.map((child) => told(child, "present", "present")));
      // What `agent.mjs` sends.
      return answers.map((answer) => answer as Present);
    },
    async report() {
      const answers = await Promise.all(
        processes.map(async (child) => {
          const ended = once(child, "exit");
          const answer = await told(child, "report", "report");
          await ended;
          return answer;
        }),
      );
      // What `agent.mjs` sends.
      return answers.map((answer) => answer as Seen);
    },
    kill() {
      for (const child of processes) child.kill("SIGKILL");
    },
  };
}

/** So many milliseconds pass for all that is in redis. */
export async function passIn({ url }: { readonly url: string }, milliseconds: number): Promise<void> {
  const client = await createClient({ url }).connect();
  for (const key of await client.keys("*")) {
    const left = await client.pTTL(key);
    if (left >= 0) await client.pExpire(key, left - milliseconds);
  }
  client.destroy();
}
