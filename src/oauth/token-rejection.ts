import { McpAuthError } from "../errors/error.js";
import { markAskedToWait } from "./asked-to-wait.js";
import type { TokenEndpoint } from "./token-endpoint.js";

/** The codes that a token endpoint can answer with. Anything else a server writes there is `unknown` to us. */
const knownCodes: ReadonlySet<string> = new Set([
  // RFC 6749 §5.2, and those of §4.1.2.1 that servers use here as well.
  ...["invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"],
  ...["invalid_scope", "access_denied", "server_error", "temporarily_unavailable"],
  // RFC 8707 §2, RFC 9449 §5 and §8, RFC 9396 §5, RFC 8628 §3.5, RFC 9470 §3 and RFC 6750 §3.1.
  ...["invalid_target", "invalid_dpop_proof", "use_dpop_nonce", "invalid_authorization_details"],
  ...["authorization_pending", "slow_down", "expired_token"],
  ...["insufficient_user_authentication", "invalid_token", "insufficient_scope"],
]);

/** The `error` of a response body (RFC 6749 §5.2); `unknown` for one that is not a code we know. */
export function oauthErrorCode(error: unknown): string | undefined {
  if (typeof error !== "string" || error === "") return undefined;
  return knownCodes.has(error) ? error : "unknown";
}

/** Codes that say "later" whatever the status: no change to config or registration would help. */
const passing: ReadonlySet<string | undefined> = new Set(["server_error", "temporarily_unavailable"]);

export interface Rejection {
  readonly status: number;
  readonly oauthError: string | undefined;
  /** Milliseconds. */
  readonly retryAfter: number | undefined;
}

/**
 * The error for an answer that brings no token. 408, 429, 5xx and the codes `server_error` and
 * `temporarily_unavailable` are `unavailable` and retryable; everything else is `token_request_rejected`.
 */
export function tokenRejection(endpoint: TokenEndpoint, rejection: Rejection): McpAuthError {
  const { server, host } = endpoint;
  const { status, oauthError, retryAfter } = rejection;
  if (status >= 300 && status < 400) {
    return new McpAuthError(
      "token_request_rejected",
      `Server "${server}": the token endpoint at ${host} redirected the request (${status}). It was not followed, ` +
        "because it carries a credential. The token endpoint in the metadata must be the final one.",
      { server },
    );
  }
  const answer = oauthError === undefined ? String(status) : `${status}, ${oauthError}`;
  const transient = status === 408 || status === 429 || status >= 500 || passing.has(oauthError);
  if (transient) {
    const detail = `the token endpoint at ${host} is not available now (${answer}). Try again later.`;
    return markAskedToWait(
      new McpAuthError("unavailable", `Server "${server}": ${detail}`, {
        server,
        retryable: true,
        retryAfter,
        oauthError,
      }),
    );
  }
  return new McpAuthError(
    "token_request_rejected",
    `Server "${server}": the token endpoint at ${host} refused the request (${answer}). ${advice(endpoint, rejection)}`,
    { server, oauthError },
  );
}

function advice(endpoint: TokenEndpoint, { status, oauthError }: Rejection): string {
  const { issuer, grantType } = endpoint;
  switch (oauthError) {
    case "invalid_client":
      return clientAdvice(endpoint);
    case "unauthorized_client":
      return `Allow this client the grant type ${grantType} at ${issuer}.`;
    case "unsupported_grant_type":
      return `The authorization server ${issuer} does not offer the grant type ${grantType}.`;
    case "invalid_scope":
      return `Check the "scopes" of the grant, and which of them the client may ask for at ${issuer}.`;
    case "invalid_target":
      return `The authorization server ${issuer} issues no tokens for this server: register its URL there as a resource.`;
    case "access_denied":
      return `Check what this client is allowed at ${issuer}.`;
    case "invalid_dpop_proof":
    case "use_dpop_nonce":
      return `The authorization server ${issuer} wants a DPoP proof, which this grant does not send.`;
    case undefined:
      break;
    default:
      return `Check the client's registration at ${issuer} and the "scopes" of the grant; its log may say more.`;
  }
  if (status === 401) return clientAdvice(endpoint);
  if (status === 404 || status === 405)
    return `The metadata of ${issuer} names a token endpoint that is not there.`;
  return `Check the client's registration at ${issuer}; its log may say more.`;
}

function clientAdvice({ issuer, credential }: TokenEndpoint): string {
  switch (credential) {
    case "secret":
      return `Check the client's "id" and secret, and that it is registered at ${issuer}.`;
    case "key":
      return (
        `Check the client's "id", and that ${issuer} has the public half of this key: with the "kid" that is sent ` +
        '(or set the key\'s "kid" to the registered one, or to false), and for its "alg".'
      );
    case "none":
      return `Check the client's "id", and that ${issuer} takes it without a credential.`;
  }
}
