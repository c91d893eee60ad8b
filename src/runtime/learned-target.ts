import type { ServerSpec } from "../config/spec.js";
import type { Target } from "../discovery/metadata.js";
import { untilAborted } from "../lib/wait.js";
import { createAttempt, type ManagerState } from "../oauth/attempt.js";
import { abortedError } from "../tokens/cache-errors.js";
import type { RuntimeContext } from "./runtime-context.js";

/**
 * Returns the metadata of the MCP server and its authorization server. Fetches it if the token came from the store and
 * nothing has fetched it yet. Rejects with `aborted` and the codes of `findTarget`.
 */
export async function learnedTarget(
  spec: ServerSpec,
  runtime: RuntimeContext,
  manager: ManagerState,
  caller: AbortSignal | undefined,
): Promise<Target | undefined> {
  if (manager.target !== undefined || spec.grant.type === "static") return manager.target;
  const { findGrantTarget } = await import("../oauth/grants/find-grant-target.js");
  const signal = AbortSignal.timeout(spec.timeout);
  const found = findGrantTarget(spec.grant, createAttempt(runtime, { spec, manager, signal }));
  return await untilAborted(found, caller, () => abortedError(spec.name));
}
