import { refusesCredential, type TokenEndpoint } from "../../diagnosis/facts.js";
import { rejectionAdvice } from "../../diagnosis/rejected-request.js";
import { McpAuthError } from "../../errors/error.js";
import { isTemporaryStatus } from "../../net/retry.js";
import { markAskedToWait } from "../error-marks.js";

/** Codes that say "later" where the status does not say otherwise: no change to config or registration would help. */
const temporaryErrors: ReadonlySet<string | undefined> = new Set(["server_error", "temporarily_unavailable"]);

export interface Rejection {
  readonly status: number;
  /** A registered code. */
  readonly oauthError: string | undefined;
  /** What else the server said. */
  readonly said: Readonly<Record<string, unknown>>;
  /** Milliseconds. */
  readonly retryAfter: number | undefined;
}

/**
 * The error for an answer that brings no token. 408, 429, 5xx and, unless the status refuses the credential, the codes
 * `server_error` and `temporarily_unavailable` are `unavailable` and retryable; everything else is `token_request_rejected`.
 */
export function tokenRejection(endpoint: TokenEndpoint, rejection: Rejection): McpAuthError {
  const { server, name, presents } = endpoint;
  const { status, oauthError, retryAfter, said } = rejection;
  const details = { ...said, token_endpoint: endpoint.learnedUrl };
  if (status >= 300 && status < 400) {
    return new McpAuthError(
      "token_request_rejected",
      `Server "${server}": ${name} redirected the request (${status}). It was not followed, ` +
        "because it carries a credential. The token endpoint in the metadata must be the final one.",
      { server, details },
    );
  }
  const answer = oauthError === undefined ? String(status) : `${status}, ${oauthError}`;
  const transient =
    isTemporaryStatus(status) || (temporaryErrors.has(oauthError) && !refusesCredential(status));
  if (transient) {
    const detail = `${name} is not available now (${answer}). Try again later.`;
    const error = new McpAuthError("unavailable", `Server "${server}": ${detail}`, {
      server,
      retryable: true,
      retryAfter,
      oauthError,
      details,
    });
    // What an identity provider asks is not to hold back those who only need the other authorization server.
    return presents === "identity" ? error : markAskedToWait(error);
  }
  const hasSaid = Object.values(said).some((value) => typeof value === "string" && value !== "");
  const seen = hasSaid ? " What the server said is in the error's `details`." : "";
  return new McpAuthError(
    "token_request_rejected",
    `Server "${server}": ${name} refused the request (${answer}). ${rejectionAdvice(endpoint, rejection)}${seen}`,
    { server, oauthError, details },
  );
}
