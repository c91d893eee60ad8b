import type { McpAuthError } from "../errors/error.js";
import { errorMark } from "../errors/error-notes.js";

const anotherCredential = errorMark();
const askedToWait = errorMark();

/**
 * Marks the rejection of a credential if there is another one to try: the secret has changed since it was read, or the
 * key is so new that the server may still know only the previous one.
 */
export const markAnotherCredential = anotherCredential.mark;

/** Returns whether another attempt would present another credential than the rejected one. */
export const hasAnotherCredential = anotherCredential.has;

/** Marks an error that the token endpoint sent: its `retryAfter` applies to all clients of that endpoint. */
export const markAskedToWait = askedToWait.mark;

/**
 * Returns whether the token endpoint itself sent `Retry-After`. The `Retry-After` of another server, such as the
 * identity provider, applies only to the caller that sent the request.
 */
export function tokenEndpointAsksToWait(error: McpAuthError): boolean {
  return error.retryAfter !== undefined && askedToWait.has(error);
}
