import { isDeepStrictEqual } from "node:util";
import type { ServerEntry, ServerSpec } from "../config/spec.js";

/**
 * How far a server is another one than before: `none`; only in how its tokens are `used`; in how they are `requested`,
 * and those at hand are as good as new ones; or it has other `tokens`.
 */
export type SpecChange = "none" | "used" | "requested" | "tokens";

export function specChange(before: ServerSpec, after: ServerSpec): SpecChange {
  if (isDeepStrictEqual(before, after)) return "none";
  // A token that has what may not be asked for any more is none of this server's.
  const narrowed = before.stepUp.some((scope) => !after.stepUp.includes(scope));
  if (narrowed || !isDeepStrictEqual(tokensOf(before), tokensOf(after))) return "tokens";
  return isDeepStrictEqual(requestsOf(before), requestsOf(after)) ? "used" : "requested";
}

/** Whether a server is the same, or unusable for the same reason. */
export function isSameEntry(before: ServerEntry, after: ServerEntry): boolean {
  if ("spec" in before) return "spec" in after && isDeepStrictEqual(before.spec, after.spec);
  if ("spec" in after) return false;
  return before.failure.code === after.failure.code && before.failure.message === after.failure.message;
}

/** What says the same, as the same objects: what is known of keys and certificates is known by their specs. */
export function withTokensOf({ grant, dpop }: ServerSpec, after: ServerSpec): ServerSpec {
  return { ...after, grant, ...(dpop !== undefined && { dpop }) };
}

function tokensOf({ name, url, grant, dpop, resourceMetadata }: ServerSpec): object {
  return { name, url, grant, dpop, resourceMetadata };
}

/** All but what only matters once there is a token. What a spec gains some day belongs to the requests first. */
function requestsOf({ reach, stepUp, refresh, ...requests }: ServerSpec): object {
  const { automatic, schedule, timezone, idle, ...policy } = refresh;
  return { ...requests, policy };
}
