// What goes wrong between the bridge and the server, as errors for the host. None has text that the server chose.
import { McpAuthError } from "../../errors/error.js";
import { isNotedMistake } from "../../errors/expected-errors.js";
import { failureError } from "../../net/failure.js";
import { networkFailure } from "../../net/network-failure.js";
import { retryAfterOf } from "../../net/response-headers.js";
import { isTemporaryStatus } from "../../net/retry.js";
import { insufficientScope } from "../insufficient-scope.js";

/** Returns the error for a rejected `fetch`. Throws mistakes of our own code again. */
export function requestError(server: string, error: unknown): McpAuthError {
  if (isNotedMistake(error)) throw error;
  return error instanceof McpAuthError
    ? error
    : failureError(server, networkFailure(error, "the MCP server"));
}

/** Returns the error for a response that is not successful. */
export function statusError(server: string, { status, headers }: Response, now: number): McpAuthError {
  if (status === 401) return unauthorized(server, status);
  if (status === 403)
    return /\binsufficient_scope\b/i.test(headers.get("www-authenticate") ?? "")
      ? insufficientScope(server)
      : unauthorized(server, status);
  const retryable = isTemporaryStatus(status);
  const retryAfter = retryable ? retryAfterOf(headers, now) : undefined;
  const advice = retryable ? "Try again later." : 'Check the "url" of the server in the config.';
  const message = `Server "${server}" answered with HTTP ${status}. ${advice}`;
  return new McpAuthError("unavailable", message, { server, retryable, retryAfter });
}

function unauthorized(server: string, status: number): McpAuthError {
  const message =
    `Server "${server}" refused the request with HTTP ${status}, although it had a token. ` +
    "Compare the grant of the server in the config with what the server expects.";
  return new McpAuthError("unauthorized", message, { server });
}

/** Returns the error for a stream that ended before the answer, and could not be resumed. */
export function interrupted(server: string): McpAuthError {
  const message =
    `Server "${server}" closed the connection before it answered. ` +
    "It may have carried out the request: check before you send it again.";
  return new McpAuthError("unavailable", message, { server, retryable: true });
}

/** Returns the error for an answer that is no MCP. */
export function notMcp(server: string, what: string): McpAuthError {
  const message = `Server "${server}" answered with ${what}. Check the "url" of the server in the config.`;
  return new McpAuthError("unavailable", message, { server });
}

/** Returns the error for requests that were still open when the host had closed its side for long. */
export function unfinished(server: string): McpAuthError {
  const message = `Server "${server}" had not answered when the host closed its output. Keep it open until the answer has arrived.`;
  return new McpAuthError("timeout", message, { server, retryable: true });
}

/** Returns the error for a session that the server ended and did not start again. */
export function sessionLost(server: string): McpAuthError {
  const message = `Server "${server}" ended the session and refused to start another. Restart the host's connection to it.`;
  return new McpAuthError("unavailable", message, { server, retryable: true });
}
