import { rejectsCredential, type TokenEndpoint } from "../../diagnosis/facts.js";
import { type Rejection, rejectionAdvice } from "../../diagnosis/rejected-request.js";
import { McpAuthError } from "../../errors/error.js";
import { isTemporaryStatus } from "../../net/retry.js";
import { markAskedToWait } from "../error-marks.js";

/** Error codes of a temporary failure. The status may contradict them: see `tokenRejection`. */
const temporaryErrors: ReadonlySet<string | undefined> = new Set(["server_error", "temporarily_unavailable"]);

/** An error response of a token or revocation endpoint (RFC 6749 §5.2). */
export interface ErrorResponse extends Rejection {
  /** Text that the server chose. */
  readonly details: Readonly<Record<string, unknown>>;
  /** Milliseconds. */
  readonly retryAfter: number | undefined;
}

/**
 * Returns the error for a response without a token. It is `unavailable` and retryable for the statuses 408, 429 and
 * 5xx, and for the codes `server_error` and `temporarily_unavailable`, unless the status is 401 or 403. It is
 * `token_request_rejected` for everything else.
 */
export function tokenRejection(endpoint: TokenEndpoint, response: ErrorResponse): McpAuthError {
  const { server, name, presents } = endpoint;
  const { status, oauthError, retryAfter } = response;
  const details = { ...response.details, token_endpoint: endpoint.learnedUrl };
  if (status >= 300 && status < 400) {
    return new McpAuthError(
      "token_request_rejected",
      `Server "${server}": ${name} redirected the request (${status}). A redirect is not followed, because the request ` +
        "carries a credential. The metadata must name the final URL of the token endpoint.",
      { server, details },
    );
  }
  const statusAndCode = oauthError === undefined ? String(status) : `${status}, ${oauthError}`;
  const isTemporary =
    isTemporaryStatus(status) || (temporaryErrors.has(oauthError) && !rejectsCredential(status));
  if (isTemporary) {
    const detail = `${name} is not available now (${statusAndCode}). Try again later.`;
    const error = new McpAuthError("unavailable", `Server "${server}": ${detail}`, {
      server,
      retryable: true,
      retryAfter,
      oauthError,
      details,
    });
    // The `Retry-After` of an identity provider must not delay callers that only need the MCP server's authorization
    // server.
    return presents === "identity" ? error : markAskedToWait(error);
  }
  const hasDetails = Object.values(response.details).some(
    (value) => typeof value === "string" && value !== "",
  );
  const hint = hasDetails ? " The server's explanation is in the error's `details`." : "";
  return new McpAuthError(
    "token_request_rejected",
    `Server "${server}": ${name} rejected the request (${statusAndCode}). ${rejectionAdvice(endpoint, response)}${hint}`,
    { server, oauthError, details },
  );
}
