import { McpAuthError } from "../errors/error.js";

/** The same failure as a new error, whose stack is the present caller's. */
export function again(error: McpAuthError, left: number): McpAuthError {
  const { server, oauthError, details, message, code, retryable } = error;
  return new McpAuthError(code, message, { server, oauthError, details, retryable, retryAfter: left });
}

/** Opens the cool-down after two new tokens that the server refused. */
export function unauthorized(server: string): McpAuthError {
  return new McpAuthError(
    "unauthorized",
    `Server "${server}" refused two tokens in a row. Its idea of issuer, audience or scope differs from that of ` +
      "the authorization server: compare what the token says with what the server expects.",
    { server },
  );
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
