import { McpAuthError } from "../errors/error.js";
import { markAskedToWait } from "./asked-to-wait.js";
import { rejectionAdvice } from "./rejection-advice.js";
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
  /** A code that we know, or `unknown`; absent when there was none. */
  readonly oauthError: string | undefined;
  /** Milliseconds. */
  readonly retryAfter: number | undefined;
}

/**
 * The error for an answer that brings no token. 408, 429, 5xx and the codes `server_error` and
 * `temporarily_unavailable` are `unavailable` and retryable; everything else is `token_request_rejected`.
 */
export function tokenRejection(endpoint: TokenEndpoint, rejection: Rejection): McpAuthError {
  const { server, name, presents } = endpoint;
  const { status, oauthError, retryAfter } = rejection;
  if (status >= 300 && status < 400) {
    return new McpAuthError(
      "token_request_rejected",
      `Server "${server}": ${name} redirected the request (${status}). It was not followed, ` +
        "because it carries a credential. The token endpoint in the metadata must be the final one.",
      { server },
    );
  }
  const answer = oauthError === undefined ? String(status) : `${status}, ${oauthError}`;
  const transient = status === 408 || status === 429 || status >= 500 || passing.has(oauthError);
  if (transient) {
    const detail = `${name} is not available now (${answer}). Try again later.`;
    const error = new McpAuthError("unavailable", `Server "${server}": ${detail}`, {
      server,
      retryable: true,
      retryAfter,
      oauthError,
    });
    // What an identity provider asks is not to hold back those who only need the other authorization server.
    return presents === "identity" ? error : markAskedToWait(error);
  }
  return new McpAuthError(
    "token_request_rejected",
    `Server "${server}": ${name} refused the request (${answer}). ${rejectionAdvice(endpoint, rejection)}`,
    { server, oauthError },
  );
}
