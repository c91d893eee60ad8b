import type { McpAuthError } from "../../errors/error.js";

// Beside the errors and not on them: nobody outside has a use for it.
const errors = new WeakSet<McpAuthError>();

/** Marks an answer of the token endpoint: its `retryAfter` is for everybody who would ask it. */
export function markAskedToWait(error: McpAuthError): McpAuthError {
  errors.add(error);
  return error;
}

/** Whether the token endpoint itself said so. A `Retry-After` of any other server concerns who asked that one. */
export function tokenEndpointAsksToWait(error: McpAuthError): boolean {
  return error.retryAfter !== undefined && errors.has(error);
}
