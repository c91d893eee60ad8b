import type { SubjectSpec } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import type { Secret } from "../../lib/secret.js";
import { readSecret, type SecretContext } from "../../secrets/read-secret.js";
import type { ManagerSubject } from "../attempt.js";

/** The `grant_type` of a token exchange, RFC 8693 §2.1. */
export const tokenExchangeGrantType = "urn:ietf:params:oauth:grant-type:token-exchange";

/**
 * Reads the token of the party that the client acts for. Reads it again at each call, from the reference in the config
 * or, for a user of the host, from `subject`. Rejects with `secret_unavailable`, and with the codes of `subject.token`.
 */
export async function readSubjectToken(
  { token }: Pick<SubjectSpec, "token">,
  subject: ManagerSubject | undefined,
  context: SecretContext,
): Promise<Secret> {
  if (!("runtime" in token)) return await readSecret(token, context, "the subject token");
  const { server } = context;
  const unavailable = (problem: string): McpAuthError =>
    new McpAuthError("secret_unavailable", `Server "${server}": ${problem}`, { server });
  if (subject === undefined) {
    throw unavailable(
      "its tokens are for one user each, but this manager has no user. Use the manager that " +
        "`manager.for({ key, subjectToken })` returns.",
    );
  }
  const prefetched = context.recorder?.take({ runtime: true });
  if (prefetched !== undefined) return prefetched;
  try {
    return await subject.token();
  } catch (error) {
    if (error instanceof McpAuthError) throw error;
    // The host's code threw this error, which may contain the token.
    throw unavailable("could not read the subject token that was passed to `for()`.");
  }
}
