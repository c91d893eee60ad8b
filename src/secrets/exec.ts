import type { ExecReference } from "../config/spec.js";
import { commandsForbidden } from "../lib/permissions.js";
import { type ProcessOptions, type ProcessOutcome, runProcess } from "../lib/run-process.js";
import { untilAborted } from "../lib/wait.js";
import { type Content, decodeContent } from "./decode-content.js";
import { referenceNotAllowed, secretAborted, secretUnavailable } from "./reference.js";
import type { SecretContext } from "./secret-context.js";

/** A command that is running. */
interface Run {
  readonly outcome: Promise<ProcessOutcome>;
  readonly controller: AbortController;
  /** The number of callers that wait for it. */
  waiting: number;
}

/** Runs by environment and command, which concurrent callers share. */
const running = new WeakMap<SecretContext["env"], Map<string, Run>>();

/**
 * Runs a command and returns its output, decoded by `decodeContent`. Concurrent calls share one run. When the last caller
 * stops waiting, the command is ended. Rejects with `secret_unavailable` (retryable if the command took too long) and
 * `aborted`.
 */
export async function readFromCommand(
  reference: ExecReference,
  context: SecretContext,
  content: Content = "text",
  what?: string,
): Promise<string> {
  const { server, signal } = context;
  const fail = (problem: string, retryable = false) =>
    secretUnavailable(reference, server, problem, retryable, undefined, what);
  const forbidden = commandsForbidden(context);
  if (forbidden !== undefined) throw fail(forbidden);
  if (context.permissions?.allow?.command(reference.exec) === false) {
    throw referenceNotAllowed(reference, server);
  }
  if (signal?.aborted) throw secretAborted(server);
  const outcome = await runShared(reference, context);
  if (outcome.kind === "aborted") throw secretAborted(server);
  if (outcome.kind === "failed") throw fail(outcome.problem, outcome.retryable);
  const text = decodeContent(outcome.stdout, content);
  if (text === undefined) throw fail("its output is not text in UTF-8.");
  return text;
}

/** Runs a command, or joins the run of another caller. The signal of a caller ends only the wait of that caller. */
async function runShared(
  reference: ExecReference,
  { env, clock, server, signal, permissions }: SecretContext,
): Promise<ProcessOutcome> {
  const { exec, timeout } = reference;
  const cwd = permissions?.allow?.folder ?? reference.cwd;
  const runs = running.get(env) ?? new Map<string, Run>();
  running.set(env, runs);
  const key = JSON.stringify([cwd, timeout, exec]);
  const run =
    runs.get(key) ?? startRun(runs, key, { command: exec, cwd, env, timeout, ...(clock && { clock }) });
  run.waiting += 1;
  try {
    return await untilAborted(run.outcome, signal, () => secretAborted(server));
  } finally {
    run.waiting -= 1;
    if (run.waiting === 0) {
      removeRun(runs, key, run);
      // Has no effect if the command has already ended.
      run.controller.abort();
    }
  }
}

function startRun(runs: Map<string, Run>, key: string, options: ProcessOptions): Run {
  const controller = new AbortController();
  const outcome = runProcess({ ...options, signal: controller.signal }).finally(() =>
    removeRun(runs, key, run),
  );
  const run: Run = { outcome, controller, waiting: 0 };
  runs.set(key, run);
  return run;
}

/** Makes the next caller start another run. */
function removeRun(runs: Map<string, Run>, key: string, run: Run): void {
  if (runs.get(key) === run) runs.delete(key);
}
