import { McpAuthError } from "../errors/error.js";

/** Returns the error for a server that wants a scope which the token does not have, and which cannot be added. */
export function insufficientScope(server: string): McpAuthError {
  const message =
    `Server "${server}" wants a scope that the token does not have. ` +
    'Add it to "scopes", or to "stepUp" of the server to request it only when needed.';
  return new McpAuthError("insufficient_scope", message, { server });
}
