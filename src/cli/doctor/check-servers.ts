import { formatViolation } from "../../config/format-violation.js";
import { ConcurrencyLimit } from "../../lib/concurrency-limit.js";
import type { Inspection, UnusableEntry } from "../../runtime/inspection.js";
import type { CommandIo } from "../io.js";
import { fail } from "./outcome.js";
import type { ServerReport } from "./report.js";
import { runServerSteps } from "./run-steps.js";
import type { StepResult } from "./server-check.js";
import { serverSteps } from "./server-steps.js";

/** How many servers are checked at once. More would be a burst for an authorization server that they share. */
const maxAtOnce = 8;

/** Checks servers side by side. Returns a report for each, in the given order. Throws `unknown_server`. */
export function checkServers(
  inspection: Inspection,
  names: readonly string[],
  { env, signal }: Pick<CommandIo, "env" | "signal">,
): readonly Promise<ServerReport>[] {
  const limit = new ConcurrencyLimit(maxAtOnce);
  const opened = names.map((name) => ({ name, server: inspection.server(name) }));
  return opened.map(async ({ name, server }) => {
    if ("failure" in server) return { server: name, url: server.url, steps: [unusable(server)] };
    const check = { server, env, learned: {} };
    const steps = await limit.run(() => runServerSteps(serverSteps, check, signal));
    return { server: name, url: server.spec.url, steps };
  });
}

/** A server with a mistake in the config, such as a variable without a value. No other step can run. */
function unusable({ failure }: UnusableEntry): StepResult {
  const [first, ...others] = failure.violations ?? [];
  const outcome = fail(failure);
  if (first === undefined) return { step: "config", ...outcome, ms: 0 };
  return {
    ...{ step: "config", ...outcome, ms: 0 },
    message: "this server has a mistake in the config",
    todo: formatViolation(first),
    finding: "config_mistake",
    more: others.map(formatViolation),
  };
}
