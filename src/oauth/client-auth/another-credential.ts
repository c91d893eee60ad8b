import type { McpAuthError } from "../../errors/error.js";

// Beside the errors and not on them: nobody outside has a use for it.
const errors = new WeakSet<McpAuthError>();

/**
 * Marks a refusal of the credential after which there is another to try: what was read again differs from what was
 * refused, or the key is so young that the one before it may be the one that the server knows.
 */
export function markAnotherCredential(error: McpAuthError): McpAuthError {
  errors.add(error);
  return error;
}

/** Whether the same request, made anew, presents another credential than the one that was refused. */
export function hasAnotherCredential(error: McpAuthError): boolean {
  return errors.has(error);
}
