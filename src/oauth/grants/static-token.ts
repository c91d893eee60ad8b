import type { SecretReference, ServerSpec, StaticSpec } from "../../config/spec.js";
import { McpAuthError } from "../../errors/error.js";
import { readSecret, type SecretContext } from "../../secrets/read-secret.js";
import { secretUnavailable } from "../../secrets/reference.js";
import { isHeaderSafe } from "../token-endpoint/header-safe.js";
import { secretContext } from "../token-endpoint/request-context.js";
import type { Grant } from "./grant.js";
import type { GrantEnvironment } from "./grant-environment.js";

/**
 * A token that somebody else puts into an environment variable or a file, read afresh at each call. Rejects with
 * `secret_unavailable` when there is none or it cannot stand in a header, and with `aborted`.
 */
export function staticToken(spec: ServerSpec, grant: StaticSpec, environment: GrantEnvironment): Grant {
  return async (attempt) => {
    if (attempt.signal.aborted) throw aborted(spec.name);
    const requestedAt = environment.clock.now();
    const accessToken = await readToken(grant.token, secretContext(spec, environment, attempt));
    return {
      accessToken,
      tokenType: "Bearer",
      ...(grant.lifetime === undefined ? {} : { expiresIn: grant.lifetime / 1_000 }),
      requestedAt,
      scopes: grant.scopes ?? [],
      resource: spec.url,
    };
  };
}

async function readToken(reference: SecretReference, context: SecretContext): Promise<string> {
  const token = (await readSecret(reference, context)).reveal();
  if (isHeaderSafe(token)) return token;
  const problem = /^bearer\s/i.test(token)
    ? 'it begins with "Bearer". Leave that word out: only the token belongs there.'
    : "its value cannot stand in a header: a token is visible ASCII without spaces and line breaks.";
  throw secretUnavailable(reference, context.server, problem);
}

function aborted(server: string): McpAuthError {
  return new McpAuthError("aborted", `Server "${server}": reading its token was aborted.`, { server });
}
