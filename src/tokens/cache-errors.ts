import { McpAuthError } from "../errors/error.js";

/** The same failure as a new error, whose stack is the present caller's. */
export function again(error: McpAuthError, left: number): McpAuthError {
  const { server, oauthError, details, message, code, retryable } = error;
  return new McpAuthError(code, message, { server, oauthError, details, retryable, retryAfter: left });
}

/** For what a source rejected with that is none of our errors, which is a fault of its own. */
export function unexplained(server: string): McpAuthError {
  const message = `Server "${server}": no token can be had now. Try again later.`;
  return new McpAuthError("unavailable", message, { server, retryable: true });
}

/** For calls after `stop()`. */
export function stoppedError(server: string): McpAuthError {
  return new McpAuthError("stopped", `Server "${server}": the runtime was stopped.`, { server });
}

/** For a caller whose signal has come. */
export function abortedError(server: string): McpAuthError {
  return new McpAuthError("aborted", `Server "${server}": the caller no longer waits for a token.`, {
    server,
  });
}

/** A refused token is not to be replaced now: too many requests did not help. It never reaches a caller. */
export class RequestWithheld extends Error {}
