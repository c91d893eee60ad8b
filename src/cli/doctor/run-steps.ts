import { McpAuthError } from "../../errors/error.js";
import { linkedAbort } from "../../lib/abort-signal.js";
import { systemClock } from "../../lib/clock.js";
import { untilAborted } from "../../lib/wait.js";
import { fail, type Outcome, skip } from "./outcome.js";
import type { ServerCheck, ServerStep, StepResult } from "./server-check.js";
import { reportOrder } from "./server-steps.js";

/** Runs the steps of one server, one after the other, and returns them in the order of the report. Rejects with `aborted` when `signal` is aborted. */
export async function runServerSteps(
  steps: readonly ServerStep[],
  check: ServerCheck,
  signal: AbortSignal,
): Promise<readonly StepResult[]> {
  const results: StepResult[] = [];
  const { deadline, timeout } = check.server.spec;
  for (const step of steps) {
    const reason = reasonNotToRun(step, results);
    const work = async (limited: AbortSignal) =>
      reason === undefined ? await step.run(check, limited) : skip(reason);
    // A token may take all of its deadline, and says itself what took so long.
    results.push(await timed(step.name, work, { signal, limit: deadline + timeout }));
  }
  const place = ({ step }: StepResult): number => reportOrder.indexOf(step);
  return results
    .map((result) => steps.find(({ name }) => name === result.step)?.reconsider?.(result, results) ?? result)
    .toSorted((a, b) => place(a) - place(b));
}

/** Returns why a step cannot run, if an earlier one that it needs has failed or could not run either. */
function reasonNotToRun(
  { needs = {}, stoppedBy = {} }: ServerStep,
  results: readonly StepResult[],
): string | undefined {
  const reasonIn = ({ step, verdict }: StepResult): string | undefined => {
    if (verdict !== "fail" && verdict !== "skip") return undefined;
    const ofNeeded = Object.entries(needs).find(([name]) => name === step)?.[1];
    const ofStopping = Object.entries(stoppedBy).find(([name]) => name === step)?.[1];
    return ofNeeded ?? (verdict === "fail" ? ofStopping : undefined);
  };
  return results.map(reasonIn).find((reason) => reason !== undefined);
}

/** Runs one step within a limit in milliseconds, and measures how long it takes. */
export async function timed<Name extends StepResult["step"]>(
  step: Name,
  work: (signal: AbortSignal) => Promise<Outcome>,
  { signal, limit }: { readonly signal: AbortSignal; readonly limit: number },
): Promise<StepResult> {
  const startedAt = performance.now();
  const { controller, unlink } = linkedAbort(signal);
  const timer = systemClock.setTimeout(() => controller.abort(), limit);
  const tooLate = () =>
    signal.aborted
      ? new McpAuthError("aborted", "The check was aborted.")
      : new McpAuthError("timeout", `The step took longer than ${limit} ms. Try again.`, { retryable: true });
  let outcome: Outcome;
  try {
    outcome = await untilAborted(work(controller.signal), controller.signal, tooLate);
  } catch (error) {
    if (!(error instanceof McpAuthError) || signal.aborted) throw error;
    outcome = fail(error.code === "aborted" ? tooLate() : error);
  } finally {
    timer.cancel();
    unlink();
  }
  return { step, ...outcome, ms: Math.round(performance.now() - startedAt) };
}
