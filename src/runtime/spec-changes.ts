import { isDeepStrictEqual } from "node:util";
import type { ServerEntry, ServerSpec } from "../config/spec.js";

/**
 * What a reload changed for a server: nothing (`none`); only how tokens are `used`; how they are `requested`, with the
 * current ones still valid; or the `tokens` themselves.
 */
export type SpecChange = "none" | "used" | "requested" | "tokens";

/** Compares two configs of a server. */
export function specChange(before: ServerSpec, after: ServerSpec): SpecChange {
  if (isDeepStrictEqual(before, after)) return "none";
  // A token may have scopes that the new config does not allow.
  const narrowed = before.stepUp.some((scope) => !after.stepUp.includes(scope));
  if (narrowed || !isDeepStrictEqual(tokensOf(before), tokensOf(after))) return "tokens";
  return isDeepStrictEqual(requestsOf(before), requestsOf(after)) ? "used" : "requested";
}

/** Whether a server has the same config, or cannot be used for the same reason. */
export function isSameEntry(before: ServerEntry, after: ServerEntry): boolean {
  if ("spec" in before) return "spec" in after && isDeepStrictEqual(before.spec, after.spec);
  if ("spec" in after) return false;
  return before.failure.code === after.failure.code && before.failure.message === after.failure.message;
}

/** Returns the new config with equal parts of the previous one as the same objects, which are keys of caches. */
export function withTokensOf({ grant, dpop }: ServerSpec, after: ServerSpec): ServerSpec {
  return { ...after, grant, ...(dpop !== undefined && { dpop }) };
}

function tokensOf({ name, url, grant, dpop, resourceMetadata }: ServerSpec): object {
  return { name, url, grant, dpop, resourceMetadata };
}

/** Returns the parts that affect token requests. A property that is added to the spec counts as one of them. */
function requestsOf({ reach, stepUp, refresh, ...requests }: ServerSpec): object {
  const { automatic, schedule, timezone, idle, ...policy } = refresh;
  return { ...requests, policy };
}
