import type { RefreshTokenSpec } from "../../config/spec.js";
import type { Target } from "../../discovery/metadata.js";
import { McpAuthError } from "../../errors/error.js";
import type { AttemptContext } from "../attempt.js";
import { findGrantTarget } from "../grants/find-grant-target.js";
import { expireAuthorizationServer } from "../wanted-authorization-server.js";

/** What a sign-in asks for. */
export interface WantedSignIn {
  readonly target: Target;
  readonly scopes: readonly string[];
}

/**
 * Finds the servers of a sign-in. Their metadata is read again, because a copy in the store may be of a version that
 * did not know the device flow. Rejects with the codes of `findGrantTarget`, and with `config_invalid` for a key that
 * the refresh token would be bound to and that nobody has later.
 */
export async function findSignIn(grant: RefreshTokenSpec, attempt: AttemptContext): Promise<WantedSignIn> {
  const { client } = grant;
  const { server, spec } = attempt;
  // RFC 9449 §5: the refresh token of a public client is bound to the key, too.
  if (spec.dpop !== undefined && spec.dpop.key === undefined && client.credential.kind === "none") {
    throw new McpAuthError(
      "config_invalid",
      `Server "${server}": the refresh token would be bound to a key that exists only until this command ends, because ` +
        'the client has no credential and "dpop" is true. Name a key: "dpop": { "key": … }, or give the client a credential.',
      { server },
    );
  }
  expireAuthorizationServer(client, attempt);
  const target = await findGrantTarget(grant, attempt);
  return { target, scopes: grant.scopes ?? target.scopes ?? [] };
}
