import type { SecretReference, StaticSpec } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import type { Secret } from "../../lib/secret.js";
import { readSecret, type SecretContext } from "../../secrets/read-secret.js";
import { secretUnavailable } from "../../secrets/reference.js";
import type { Grant } from "../attempt.js";
import { isHeaderSafe } from "../token-endpoint/header-safe.js";

/**
 * Creates the grant for a token that something else writes to an environment variable or a file. The token is read at
 * each call. Rejects with `secret_unavailable` if there is no token or it cannot be sent in a header, and with
 * `aborted`.
 */
export function staticToken(grant: StaticSpec): Grant {
  return async function readStaticToken(attempt) {
    if (attempt.signal.aborted) throw aborted(attempt.server);
    const requestedAt = attempt.clock.now();
    const accessToken = (await readTokenText(grant.token, attempt)).reveal();
    return {
      accessToken,
      tokenType: "Bearer",
      ...(grant.lifetime === undefined ? {} : { expiresIn: grant.lifetime / 1_000 }),
      requestedAt,
      scopes: grant.scopes ?? [],
      resource: attempt.spec.url,
    };
  };
}

/** Reads a static token. Rejects with `secret_unavailable` if it cannot be sent in a header, and with `aborted`. */
export async function readTokenText(reference: SecretReference, context: SecretContext): Promise<Secret> {
  const secret = await readSecret(reference, context, "the token");
  const token = secret.reveal();
  if (isHeaderSafe(token)) return secret;
  const problem = /^bearer\s/i.test(token)
    ? 'it begins with "Bearer". Remove that word, so that only the token is left.'
    : "its value cannot be sent in a header: a token is visible ASCII without spaces and line breaks.";
  throw secretUnavailable(reference, context.server, problem);
}

function aborted(server: string): McpAuthError {
  return new McpAuthError("aborted", `Server "${server}": reading its token was aborted.`, { server });
}
