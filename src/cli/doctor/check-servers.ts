import type { ServerSpec } from "../../config/spec.js";
import { ConcurrencyLimit } from "../../lib/concurrency-limit.js";
import { counted } from "../../lib/counted.js";
import type { Inspection, UnusableEntry } from "../../runtime/inspection.js";
import type { CommandIo } from "../io.js";
import { clientsOf } from "../secrets/config-secrets.js";
import { violationLine } from "../violations.js";
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
  { cwd, env, signal }: Pick<CommandIo, "cwd" | "env" | "signal">,
): readonly Promise<ServerReport>[] {
  const limit = new ConcurrencyLimit(maxAtOnce);
  const opened = names.map((name) => ({ name, server: inspection.server(name) }));
  return opened.map(async ({ name, server }) => {
    if ("failure" in server) return { server: name, url: server.url, steps: [unusable(server, cwd)] };
    const check = { server, env, learned: {} };
    const steps = await limit.run(() => runServerSteps(serverSteps, check, signal));
    return { server: name, url: server.spec.url, steps, configured: endpointsOf(server.spec) };
  });
}

/** The endpoints that the config names in place of metadata. */
function endpointsOf(spec: ServerSpec): readonly string[] {
  return clientsOf(spec).flatMap(({ metadata }) =>
    [metadata?.tokenEndpoint, metadata?.mtlsTokenEndpoint].filter((url) => url !== undefined),
  );
}

/** A server with a mistake in the config, such as a variable without a value. No other step can run. */
function unusable({ failure }: UnusableEntry, cwd: CommandIo["cwd"]): StepResult {
  const step = { step: "config", ...fail(failure), ms: 0 } as const;
  const lines = (failure.violations ?? []).map((violation) => violationLine(violation, cwd));
  const [first, ...others] = lines;
  if (first === undefined) return step;
  const message = `the config of this server has ${counted(lines.length, "mistake")}`;
  return { ...step, message, todo: first, finding: "config_mistake", more: others };
}
