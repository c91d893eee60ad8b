import type { ServerSpec } from "../config/spec.js";
import { parseChallenges, tokenChallengeParameters } from "../discovery/challenge.js";
import { allowedChallengeUrl } from "../discovery/metadata-locations.js";
import type { McpAuthError } from "../errors/error.js";
import type { Token } from "../tokens/token.js";
import type { CachesByScope } from "./caches-by-scope.js";
import type { RuntimeContext } from "./runtime-context.js";

/**
 * Explains that the server refuses new tokens too: in `status()` and, once until the last suspect was accepted, in an
 * event, in the log, and in a process warning if there is neither a listener nor a logger. `challenge` is the
 * `WWW-Authenticate` header of the response, if it is known. `isWhole`: it is known, and `null` means that there is none.
 */
export async function explainRefusal(
  spec: ServerSpec,
  { events, clock }: RuntimeContext,
  { caches }: { readonly caches: CachesByScope },
  {
    token,
    challenge,
    isWhole = false,
  }: { readonly token: Token; readonly challenge: string | null; readonly isWhole?: boolean },
): Promise<McpAuthError> {
  const { refusedTokenError } = await import("../diagnosis/refused-token.js");
  const error = refusedTokenError(spec, {
    token,
    challenge: tokenChallengeParameters(challenge),
    hasUnreadMetadata: namesUnreadMetadata(spec, challenge),
    schemes: isWhole ? parseChallenges(challenge).map(({ scheme }) => scheme) : undefined,
  });
  caches.defaultCache.noteRefusedAgain(error);
  if (!caches.defaultCache.refused.takeExplanation()) return error;
  const { name: server } = spec;
  const { issuer, requestedAt, expiresAt } = token;
  const durationMs = clock.now() - requestedAt;
  const { code, message } = error;
  events.emit("token:warning", { server, issuer, reason: "rejected", durationMs, expiresAt, code, message });
  events.warnUnheard("token:warning", `unauthorized ${server}`, error);
  return error;
}

/** Returns whether a challenge names metadata that may not be read, and would decide what the token is for. */
function namesUnreadMetadata(
  { url, grant, resourceMetadata }: ServerSpec,
  challenge: string | null,
): boolean {
  const { resource_metadata: challengeUrl } = tokenChallengeParameters(challenge);
  if (challengeUrl === undefined || resourceMetadata !== undefined) return false;
  if (grant.type === "static" || grant.resource !== undefined) return false;
  return allowedChallengeUrl({ url, issuer: grant.client.issuer, challengeUrl }) === undefined;
}
