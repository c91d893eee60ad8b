import { McpAuthError } from "../../errors/error.js";
import { withoutServer } from "../../errors/message-without-server.js";
import { counted } from "../../lib/counted.js";
import type { InspectionWarning } from "../../runtime/inspection.js";
import type { Token } from "../../tokens/token.js";
import { fail, type Outcome, pass, skip, warn } from "./outcome.js";
import type { ServerCheck } from "./server-check.js";

/** Requests a token, as the config says. Nothing comes from the store, so that the credential is tested. */
export async function checkToken({ server, learned }: ServerCheck, signal: AbortSignal): Promise<Outcome> {
  if (server.isForUsers) return skip("its tokens are for users that only code knows");
  let token: Token;
  try {
    token = await server.token(signal);
  } catch (error) {
    if (!(error instanceof McpAuthError) || error.code === "aborted") throw error;
    const failed = fail(error);
    return ofIdentityProvider.test(failed.message) ? { ...failed, speaker: "the identity provider" } : failed;
  }
  learned.token = token;
  const warning = server.warnings.find(isAboutToken);
  if (warning !== undefined) {
    const { code, message } = warning;
    const remedy = withoutServer(message, server.spec.name);
    return warn({ id: code === "insufficient_scope" ? "scopes_dropped" : code, remedy });
  }
  const { tokenType, scopes, expiresAt, requestedAt } = token;
  const named = scopes.length === 0 ? "no scopes" : counted(scopes.length, "scope");
  const lifetime = Math.round((expiresAt - requestedAt) / 1_000);
  return pass(`${tokenType}, ${named}, expires in ${lifetime} s`);
}

/** The beginning of a message about the first of the two token endpoints of a grant. */
const ofIdentityProvider = /^(?:the response of )?the token endpoint of the identity provider /;

/** The other steps report the rest. */
function isAboutToken(
  warning: InspectionWarning,
): warning is { readonly code: "insufficient_scope" | "token_response_invalid"; readonly message: string } {
  const { code, message } = warning;
  return message !== undefined && (code === "insufficient_scope" || code === "token_response_invalid");
}
