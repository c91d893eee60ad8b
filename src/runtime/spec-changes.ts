import { isDeepStrictEqual } from "node:util";
import type { ServerEntries, ServerEntry, ServerSpec } from "../config/spec.js";

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

/**
 * Returns a function that tells whether a server has the same config in two configs, or cannot be used for the same
 * reason. It builds only servers that may differ, because a large config changes in a few places.
 */
export function sameServers(previous: ServerEntries, next: ServerEntries): (name: string) => boolean {
  const isSameBase = isDeepStrictEqual(previous.shared, next.shared);
  return (name) => {
    const areUsable = previous.isUsable(name) && next.isUsable(name);
    const isSameDefinition = isDeepStrictEqual(previous.definition(name), next.definition(name));
    if (isSameBase && areUsable && isSameDefinition) return true;
    const [known, entry] = [previous.build(name), next.build(name)];
    return known !== undefined && entry !== undefined && isSameEntry(known, entry);
  };
}

/** Whether a server has the same config, or cannot be used for the same reason. */
function isSameEntry(previous: ServerEntry, next: ServerEntry): boolean {
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
