import type { ServerSpec } from "../config/spec.js";
import { tokenChallengeParameters } from "../discovery/challenge.js";
import type { McpAuthError } from "../errors/error.js";
import type { Token } from "../tokens/token.js";
import type { CachesByScope } from "./caches-by-scope.js";
import type { RuntimeContext } from "./runtime-context.js";

/**
 * Explains that the server refuses new tokens too: in `status()` and, once until the last suspect was accepted, in an
 * event, in the log, and in a process warning if there is neither a listener nor a logger. `challenge` is the
 * `WWW-Authenticate` header of the response, if it is known.
 */
export async function explainRefusal(
  spec: ServerSpec,
  { events, clock }: RuntimeContext,
  { caches }: { readonly caches: CachesByScope },
  { token, challenge }: { readonly token: Token; readonly challenge: string | null },
): Promise<McpAuthError> {
  const { refusedTokenError } = await import("../diagnosis/refused-token.js");
  const error = refusedTokenError(spec, { token, challenge: tokenChallengeParameters(challenge) });
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
