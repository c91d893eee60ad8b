import type { ServerSpec } from "../config/spec.js";
import type { Target } from "../discovery/metadata.js";
import type { McpAuthError } from "../errors/error.js";
import type { Token } from "../tokens/token.js";
import type { ManagerEnvironment } from "./manager-environment.js";
import type { ScopeSets } from "./scope-sets.js";

interface Known {
  readonly sets: ScopeSets;
  readonly target: Target | undefined;
}

/**
 * The server refuses new tokens too: says what may be wrong in `status()` and, once until the last suspect was accepted, in an
 * event, in the log, and where nobody hears of it in a process warning. `challenge`: the `WWW-Authenticate` header of the response, where it is known.
 */
export async function explainRefusal(
  spec: ServerSpec,
  { events, clock }: ManagerEnvironment,
  { sets, target }: Known,
  refusal: { readonly token: Token; readonly challenge: string | null },
): Promise<McpAuthError> {
  const { refusedAgain } = await import("./refused-again.js");
  const error = refusedAgain(spec, target, refusal);
  sets.own.noteRefusedAgain(error);
  if (!sets.own.refused.takeExplanation()) return error;
  const { name: server } = spec;
  const { issuer, requestedAt, expiresAt } = refusal.token;
  const durationMs = clock.now() - requestedAt;
  const { code, message } = error;
  events.emit("token:warning", { server, issuer, reason: "rejected", durationMs, expiresAt, code, message });
  events.warnUnheard("token:warning", `unauthorized ${server}`, error);
  return error;
}
