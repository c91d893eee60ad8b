import { McpAuthError } from "../errors/error.js";

/** Copies the failure that began a cool-down, so that its stack is that of the present caller. */
export function repeatedError(error: McpAuthError, retryAfter: number): McpAuthError {
  const { server, oauthError, details, message, code, retryable } = error;
  return new McpAuthError(code, message, { server, oauthError, details, retryable, retryAfter });
}

/** The error of a cool-down that began with something other than an `McpAuthError`: a mistake in a token source. */
export function unknownFailure(server: string): McpAuthError {
  const message = `Server "${server}": the token request failed for an unknown reason. Try again later.`;
  return new McpAuthError("unavailable", message, { server, retryable: true });
}

/** The error of every call after `stop()`. */
export function stoppedError(server: string): McpAuthError {
  return new McpAuthError("stopped", `Server "${server}": the runtime was stopped.`, { server });
}

/** The error of a caller that aborted its signal. */
export function abortedError(server: string): McpAuthError {
  return new McpAuthError("aborted", `Server "${server}": the caller no longer waits for a token.`, {
    server,
  });
}

/**
 * Rejects a request for a replacement that the limits on replacements do not allow. It stays inside of the cache:
 * callers get the response of the MCP server instead.
 */
export class ReplacementWithheld extends Error {
  override readonly name = "ReplacementWithheld";

  constructor() {
    super("The limits on replacements allow no token request now.");
  }
}
