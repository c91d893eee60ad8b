import type { RenewalReason } from "./source.js";
import type { Token } from "./token.js";
import type { TokenIssuedEvent } from "./token-event.js";

/** The part of `token:issued` that the config decides. */
export type IssuedBy = Pick<TokenIssuedEvent, "server" | "issuer" | "clientId" | "grant">;

/** With fewer characters of base64url, a token has fewer than the 128 bits that keep it from being guessed. */
const shortestHashed = 22;

/**
 * Returns the event for a new token.
 *
 * @param configured the scopes that the config names. A server may have asked for others, or granted them: their names
 *   are its own text, which an event must not contain.
 */
export function issuedEvent(
  token: Token,
  by: IssuedBy,
  reason: RenewalReason,
  configured: readonly string[] | undefined,
): TokenIssuedEvent {
  const { accessToken, requestedAt, expiresAt } = token;
  const scopes = configured?.filter((scope) => token.scopes.includes(scope));
  return {
    ...by,
    ...{ reason, requestedAt, expiresAt },
    ...(scopes !== undefined && { scopes }),
    ...(accessToken.length >= shortestHashed && { tokenHash: tokenHash(accessToken) }),
  };
}

function tokenHash(accessToken: string): string {
  // Loaded here, because it is slow to load and only an audit log needs it.
  const { createHash } = process.getBuiltinModule("node:crypto");
  return createHash("sha256").update(accessToken).digest("base64url");
}
