import type { SubjectSpec } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import type { Secret } from "../../lib/secret.js";
import { readSecret, type SecretContext } from "../../secrets/read-secret.js";
import type { GrantEnvironment } from "./grant-environment.js";

/** RFC 8693 §2.1. */
export const tokenExchangeGrantType = "urn:ietf:params:oauth:grant-type:token-exchange";

/**
 * The token that says on whose behalf we ask, read afresh at each call: from where the config says, or what the host
 * gives for one of its users. Rejects with `secret_unavailable`, and with what `fromRuntime` does.
 */
export async function readSubjectToken(
  { token }: SubjectSpec,
  fromRuntime: GrantEnvironment["subjectToken"],
  context: SecretContext,
): Promise<Secret> {
  if (!("runtime" in token)) return await readSecret(token, context);
  const { server } = context;
  const unavailable = (problem: string): McpAuthError =>
    new McpAuthError("secret_unavailable", `Server "${server}": ${problem}`, { server });
  if (fromRuntime === undefined) {
    throw unavailable(
      "its tokens are for one user each, and it was not said for whom. Use the manager that " +
        "`manager.for({ key, subjectToken })` gives.",
    );
  }
  try {
    return context.prefetched?.take({ runtime: true }) ?? (await fromRuntime());
  } catch (error) {
    if (error instanceof McpAuthError) throw error;
    // It may carry the token.
    throw unavailable("the subject token that `for()` was given cannot be had.");
  }
}
