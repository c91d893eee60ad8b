import type { ExecReference } from "../config/spec.js";
import { commandsForbidden } from "../lib/permissions.js";
import { type ProcessOptions, type ProcessOutcome, runProcess } from "../lib/run-process.js";
import { untilAborted } from "../lib/wait.js";
import { referenceNotAllowed, secretAborted, secretUnavailable } from "./reference.js";
import type { SecretContext } from "./secret-context.js";
import { decodeText } from "./text.js";

/** A run that is under way. */
interface Run {
  readonly outcome: Promise<ProcessOutcome>;
  readonly controller: AbortController;
  /** How many callers wait for it. */
  waiting: number;
}

/** By environment and command. A caller that comes while a command runs shares that run. */
const running = new WeakMap<SecretContext["env"], Map<string, Run>>();

/**
 * Runs a command and returns what it prints, as UTF-8. Calls at the same time share one run. A caller that stops waiting
 * leaves it to the others; when the last one leaves, the command is ended. Rejects with `secret_unavailable` (retryable
 * when it took too long) and `aborted`.
 */
export async function readFromCommand(reference: ExecReference, context: SecretContext): Promise<string> {
  const { server, signal } = context;
  const fail = (problem: string, retryable = false) =>
    secretUnavailable(reference, server, problem, retryable);
  const forbidden = commandsForbidden(context);
  if (forbidden !== undefined) throw fail(forbidden);
  if (context.permissions?.allow?.command(reference.exec) === false) {
    throw referenceNotAllowed(reference, server);
  }
  if (signal?.aborted) throw secretAborted(server);
  const outcome = await shared(reference, context);
  if (outcome.kind === "aborted") throw secretAborted(server);
  if (outcome.kind === "failed") throw fail(outcome.problem, outcome.retryable);
  const text = decodeText(outcome.stdout);
  if (text === undefined) throw fail("what it prints is not text in UTF-8.");
  return text;
}

/** The signal of one caller does not end the run, only the wait of that caller. */
async function shared(
  reference: ExecReference,
  { env, clock, server, signal, permissions }: SecretContext,
): Promise<ProcessOutcome> {
  const { exec, timeout } = reference;
  const cwd = permissions?.allow?.folder ?? reference.cwd;
  const runs = running.get(env) ?? new Map<string, Run>();
  running.set(env, runs);
  const key = JSON.stringify([cwd, timeout, exec]);
  const run =
    runs.get(key) ?? begin(runs, key, { command: exec, cwd, env, timeout, ...(clock && { clock }) });
  run.waiting += 1;
  try {
    return await untilAborted(run.outcome, signal, () => secretAborted(server));
  } finally {
    run.waiting -= 1;
    if (run.waiting === 0) {
      leave(runs, key, run);
      // Has no effect on a command that has ended by itself.
      run.controller.abort();
    }
  }
}

function begin(runs: Map<string, Run>, key: string, options: ProcessOptions): Run {
  const controller = new AbortController();
  const outcome = runProcess({ ...options, signal: controller.signal }).finally(() => leave(runs, key, run));
  const run: Run = { outcome, controller, waiting: 0 };
  runs.set(key, run);
  return run;
}

/** The next caller starts another run. */
function leave(runs: Map<string, Run>, key: string, run: Run): void {
  if (runs.get(key) === run) runs.delete(key);
}
