import type { McpAuthError } from "../../errors/error.js";
import { errorMark } from "../../errors/error-mark.js";

const askedToWait = errorMark();

/** Marks an answer of the token endpoint: its `retryAfter` applies to all clients of that endpoint. */
export const markAskedToWait = askedToWait.mark;

/**
 * Returns whether the token endpoint itself sent `Retry-After`. That of any other server applies only to the caller who
 * asked that server.
 */
export function tokenEndpointAsksToWait(error: McpAuthError): boolean {
  return error.retryAfter !== undefined && askedToWait.has(error);
}
