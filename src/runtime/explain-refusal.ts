import type { ServerSpec } from "../config/spec.js";
import type { Target } from "../discovery/metadata.js";
import type { McpAuthError } from "../errors/error.js";
import type { Token } from "../tokens/token.js";
import type { CachesByScope } from "./caches-by-scope.js";
import type { RuntimeContext } from "./runtime-context.js";

interface Known {
  readonly caches: CachesByScope;
  readonly target: Target | undefined;
}

/**
 * The server refuses new tokens too: says what may be wrong in `status()` and, once until the last suspect was accepted, in an
 * event, in the log, and where nobody hears of it in a process warning. `challenge`: the `WWW-Authenticate` header of the response, where it is known.
 */
export async function explainRefusal(
  spec: ServerSpec,
  { events, clock }: RuntimeContext,
  { caches, target }: Known,
  refusal: { readonly token: Token; readonly challenge: string | null },
): Promise<McpAuthError> {
  const { refusedTokenError } = await import("../diagnosis/refused-token.js");
  const error = refusedTokenError(spec, target, refusal);
  caches.defaultCache.noteRefusedAgain(error);
  if (!caches.defaultCache.refused.takeExplanation()) return error;
  const { name: server } = spec;
  const { issuer, requestedAt, expiresAt } = refusal.token;
  const durationMs = clock.now() - requestedAt;
  const { code, message } = error;
  events.emit("token:warning", { server, issuer, reason: "rejected", durationMs, expiresAt, code, message });
  events.warnUnheard("token:warning", `unauthorized ${server}`, error);
  return error;
}
