import { type Message, parseMessage, requestsOf } from "./message.js";
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
  // An error with the ID of the request is the answer to it, and not about the session.
  if (isAnswerTo(message, errorText)) return false;
  return status === 404 || /\bsession\b|not initialized/i.test(errorText ?? "");
}

function isAnswerTo(message: Message, text: string | undefined): boolean {
  const answer = text === undefined ? undefined : parseMessage(text);
  if (answer === undefined || "problem" in answer) return false;
  const ids = requestsOf(message).map(({ id }) => id);
  return answer.parts.some((part) => part.kind === "response" && part.id !== null && ids.includes(part.id));
}
