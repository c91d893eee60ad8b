import type { JsonRpcId } from "../json-rpc-id.js";
import { type Message, parseMessage, type ResponsePart, requestsOf } from "./message.js";
import { type SessionHeaders, selfContainedRequest } from "./request-headers.js";
import type { Reply } from "./server-transport.js";

/**
 * Returns whether a reply means that the server does not know the session of the request. By MCP 2025-11-25, "Session
 * Management", that is a 404. But the examples of the TypeScript SDK answer 400, and so do servers that were made from
 * them, and older Python and Go servers. Other mistakes get a 400 too, so that its text has to tell.
 */
export function isSessionLost(
  { response, errorText }: Reply,
  message: Message,
  session: SessionHeaders,
): boolean {
  if (session.id === undefined || selfContainedRequest(message) !== undefined) return false;
  const { status } = response;
  if (status !== 404 && status !== 400) return false;
  const answer = errorText === undefined ? undefined : parseMessage(errorText);
  const errors = answer === undefined || "problem" in answer ? [] : answer.parts;
  // An error with the ID of a request is the answer to it, and not about the session.
  const ids = new Set<JsonRpcId>(requestsOf(message).map(({ id }) => id));
  if (errors.some((error) => error.kind === "response" && isAboutMessage(error, ids))) return false;
  return status === 404 || /\bsession\b|not initialized/i.test(errorText ?? "");
}

const methodNotFound = -32_601;

function isAboutMessage({ id, errorCode }: ResponsePart, ids: ReadonlySet<JsonRpcId>): boolean {
  return errorCode === methodNotFound || ids.has(id);
}
