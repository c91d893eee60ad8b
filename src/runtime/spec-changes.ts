import { isDeepStrictEqual } from "node:util";
import type { ServerEntry, ServerSpec } from "../config/spec.js";

/**
 * What a reload changed for a server: nothing (`none`); only how tokens are `used`; how they are `requested`, with the
 * current ones still valid; or the `tokens` themselves.
 */
export type SpecChange = "none" | "used" | "requested" | "tokens";

/** Compares two configs of a server. */
export function specChange(previous: ServerSpec, next: ServerSpec): SpecChange {
  if (isDeepStrictEqual(previous, next)) return "none";
  // A token may have scopes that the new config does not allow.
  const narrowed = previous.stepUp.some((scope) => !next.stepUp.includes(scope));
  if (narrowed || !isDeepStrictEqual(tokensOf(previous), tokensOf(next))) return "tokens";
  return isDeepStrictEqual(requestsOf(previous), requestsOf(next)) ? "used" : "requested";
}

/** Whether a server has the same config, or cannot be used for the same reason. */
export function isSameEntry(previous: ServerEntry, next: ServerEntry): boolean {
  if ("spec" in previous) return "spec" in next && isDeepStrictEqual(previous.spec, next.spec);
  if ("spec" in next) return false;
  return previous.failure.code === next.failure.code && previous.failure.message === next.failure.message;
}

/**
 * Returns the new config with the `grant` and `dpop` objects of the previous, equal config, because caches use them as
 * keys.
 */
export function withTokensOf({ grant, dpop }: ServerSpec, next: ServerSpec): ServerSpec {
  return { ...next, grant, ...(dpop !== undefined && { dpop }) };
}

/** Returns the parts that determine the tokens. */
function tokensOf({ name, url, grant, dpop, resourceMetadata }: ServerSpec): object {
  return { name, url, grant, dpop, resourceMetadata };
}

/** Returns the parts that affect token requests. A property that is added to the spec counts as one of them. */
function requestsOf({ reach, stepUp, refresh, ...requests }: ServerSpec): object {
  const { automatic, schedule, timezone, idle, ...policy } = refresh;
  return { ...requests, policy };
}
