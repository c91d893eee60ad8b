import type { ServerSpec } from "../config/spec.js";
import type { ServerChallenge } from "../discovery/challenge.js";
import type { Target } from "../discovery/metadata.js";
import { untilAborted } from "../lib/wait.js";
import { abortedError } from "../tokens/cache-errors.js";
import type { RuntimeContext } from "./runtime-context.js";

/** Where the metadata is kept. */
interface Learned {
  target: Target | undefined;
  /** The last challenge of the MCP server. */
  readonly challenge: ServerChallenge | undefined;
}

/**
 * Returns the metadata of the MCP server and its authorization server. Fetches it if the token came from the store and
 * nothing has fetched it yet. Rejects with `aborted` and the codes of `findTarget`.
 */
export async function learnedTarget(
  spec: ServerSpec,
  runtime: RuntimeContext,
  learned: Learned,
  caller: AbortSignal | undefined,
): Promise<Target | undefined> {
  if (learned.target !== undefined || spec.grant.type === "static") return learned.target;
  const { findGrantTarget } = await import("../oauth/grants/find-grant-target.js");
  const found = findGrantTarget(
    spec,
    spec.grant,
    { ...runtime, challenge: () => learned.challenge },
    AbortSignal.timeout(spec.timeout),
  );
  learned.target = await untilAborted(found, caller, () => abortedError(spec.name));
  return learned.target;
}
