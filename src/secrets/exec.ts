import type { ExecReference } from "../config/spec.js";
import { type ProcessOutcome, runProcess } from "../lib/run-process.js";
import { untilAborted } from "../lib/until-aborted.js";
import { secretAborted, secretUnavailable } from "./reference.js";
import type { SecretContext, SecretSources } from "./secret-context.js";
import { decodeText } from "./text.js";

/** Runs that are under way, by environment and by command: who comes while one runs gets what it prints. */
const running = new WeakMap<SecretSources["env"], Map<string, Promise<ProcessOutcome>>>();

/** Whether commands of the config may be run. */
export function mayExec({ allowExec, env }: Pick<SecretSources, "allowExec" | "env">): boolean {
  return allowExec !== false && env["MCP_AUTH_ALLOW_EXEC"] !== "0";
}

/**
 * What a command prints, as UTF-8. Calls at the same time share one run; a caller who gives up leaves it to the others.
 * Rejects with `secret_unavailable` (retryable when it took too long) and `aborted`.
 */
export async function readFromCommand(reference: ExecReference, context: SecretContext): Promise<string> {
  const { server, signal } = context;
  const fail = (problem: string, retryable = false) =>
    secretUnavailable(reference, server, problem, retryable);
  if (!mayExec(context)) {
    throw fail("running commands is forbidden here, by `allowExec: false` or MCP_AUTH_ALLOW_EXEC=0.");
  }
  const outcome = await untilAborted(shared(reference, context), signal, () => secretAborted(server));
  if (outcome.kind === "aborted") throw secretAborted(server);
  if (outcome.kind === "failed") throw fail(outcome.problem, outcome.mayPass);
  const text = decodeText(outcome.stdout);
  if (text === undefined) throw fail("what it prints is not text in UTF-8.");
  return text;
}

/** Not tied to any caller's signal: each of them leaves by its own. */
function shared(reference: ExecReference, { env, clock }: SecretContext): Promise<ProcessOutcome> {
  const { exec, cwd, timeout } = reference;
  const runs = running.get(env) ?? new Map<string, Promise<ProcessOutcome>>();
  running.set(env, runs);
  const key = JSON.stringify([cwd, timeout, exec]);
  const run =
    runs.get(key) ??
    runProcess({ command: exec, cwd, env, timeout, ...(clock && { clock }) }).finally(() => runs.delete(key));
  runs.set(key, run);
  return run;
}
