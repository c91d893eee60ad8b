import type { McpAuthError } from "../errors/error.js";
import { errorMark } from "../errors/error-mark.js";

const anotherCredential = errorMark();
const askedToWait = errorMark();

/**
 * Marks the rejection of a credential after which there is another one to try: the value read again differs from the
 * rejected one, or the key is so young that the server may still know only the previous one.
 */
export const markAnotherCredential = anotherCredential.mark;

/** Returns whether the same request, made again, presents another credential than the rejected one. */
export const hasAnotherCredential = anotherCredential.has;

/** Marks an answer of the token endpoint: its `retryAfter` applies to all clients of that endpoint. */
export const markAskedToWait = askedToWait.mark;

/**
 * Returns whether the token endpoint itself sent `Retry-After`. That of any other server applies only to the caller who
 * asked that server.
 */
export function tokenEndpointAsksToWait(error: McpAuthError): boolean {
  return error.retryAfter !== undefined && askedToWait.has(error);
}
