import { rejectsCredential, type TokenEndpoint } from "../../diagnosis/facts.js";
import { McpAuthError } from "../../errors/error.js";
import { markOpenRejection, noteFindings, noteRemains, noteTrials } from "../../errors/findings.js";
import { whereDetailsAre } from "../../lib/details-place.js";
import { isTemporaryStatus } from "../../net/retry.js";
import { markAskedToWait } from "../error-marks.js";
import type { ErrorResponse } from "./error-response.js";

/** Error codes of a temporary failure. The status may contradict them: see `tokenRejection`. */
const temporaryErrors: ReadonlySet<string | undefined> = new Set(["server_error", "temporarily_unavailable"]);

/**
 * Returns the error for a response without a token. It is `unavailable` and retryable for the statuses 408, 429 and
 * 5xx, and for the codes `server_error` and `temporarily_unavailable`, unless the status is 401 or 403. It is
 * `token_request_rejected` for everything else.
 */
export async function tokenRejection(
  endpoint: TokenEndpoint,
  response: ErrorResponse,
): Promise<McpAuthError> {
  const { server, name, presents } = endpoint;
  const { status, oauthError, retryAfter, errorCodes = [] } = response;
  const details = { ...response.details, token_endpoint: endpoint.url };
  const hasDetails = Object.values(response.details).some(
    (value) => typeof value === "string" && value !== "",
  );
  const codes = [
    ...(oauthError === undefined ? [] : [oauthError]),
    ...(errorCodes.length === 0 ? [] : [`error code ${errorCodes.join(" ")}`]),
  ];
  // Another status says itself what is wrong.
  const isBare = codes.length === 0 && !hasDetails && (status === 400 || rejectsCredential(status));
  const reason = isBare ? ["without a reason"] : codes;
  const statusAndCode = [status, ...reason].join(", ");
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
  // Loaded when it is needed, because most programs never see a rejection.
  const { adviceText, rejectionAdvice, rejectionProspects } = await import(
    "../../diagnosis/token-request/rejected-request.js"
  );
  const findings = rejectionAdvice(endpoint, response);
  const what = status >= 300 && status < 400 ? "redirected" : "rejected";
  const advice = adviceText(findings) + (hasDetails ? whereDetailsAre(server, endpoint.isForUser) : "");
  const error = new McpAuthError(
    "token_request_rejected",
    `Server "${server}": ${name} ${what} the request (${statusAndCode}). ${advice}`,
    { server, oauthError, details },
  );
  const { trials, isOpen, remains } = rejectionProspects(endpoint, response);
  noteTrials(error, trials);
  noteRemains(error, remains);
  if (isOpen) markOpenRejection(error);
  return noteFindings(
    error,
    findings.map(({ id }) => id),
  );
}
