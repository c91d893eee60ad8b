import type { ServerSpec } from "../config/spec.js";
import type { ServerChallenge } from "../discovery/challenge.js";
import type { Target } from "../discovery/metadata.js";
import { untilAborted } from "../lib/wait.js";
import { abortedError } from "../tokens/cache-errors.js";
import type { RuntimeContext } from "./runtime-context.js";

/** Where it is kept. */
interface Learned {
  target: Target | undefined;
  /** The last challenge of the MCP server. */
  readonly challenge: ServerChallenge | undefined;
}

/**
 * What is known of the two servers. Where the token came from the store nobody has looked yet: then their metadata is read.
 * Rejects with `aborted`, and with the codes of `findTarget`.
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
