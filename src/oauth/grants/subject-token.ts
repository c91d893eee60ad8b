import type { SubjectSpec } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import type { Secret } from "../../lib/secret.js";
import { readSecret, type SecretContext } from "../../secrets/read-secret.js";
import type { ManagerSubject } from "../attempt.js";

/** RFC 8693 §2.1. */
export const tokenExchangeGrantType = "urn:ietf:params:oauth:grant-type:token-exchange";

/**
 * Reads the token of the party on whose behalf the client asks, again at each call: from the reference in the config, or
 * from the host for one of its users. Rejects with `secret_unavailable`, and with the codes of `subject.token`.
 */
export async function readSubjectToken(
  { token }: SubjectSpec,
  subject: ManagerSubject | undefined,
  context: SecretContext,
): Promise<Secret> {
  if (!("runtime" in token)) return await readSecret(token, context);
  const { server } = context;
  const unavailable = (problem: string): McpAuthError =>
    new McpAuthError("secret_unavailable", `Server "${server}": ${problem}`, { server });
  if (subject === undefined) {
    throw unavailable(
      "its tokens are for one user each, and it was not said for whom. Use the manager that " +
        "`manager.for({ key, subjectToken })` gives.",
    );
  }
  const prefetched = context.reads?.take({ runtime: true });
  if (prefetched !== undefined) return prefetched;
  try {
    return await subject.token();
  } catch (error) {
    if (error instanceof McpAuthError) throw error;
    // The host's code threw it, and it may carry the token.
    throw unavailable("the subject token that `for()` was given could not be read.");
  }
}
