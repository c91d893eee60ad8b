import { createHash } from "node:crypto";
import type { ReplayableRequest } from "./replayable-request.js";

/** Characters of a body: more is not looked into. */
const longestBody = 1_048_576;
const mostMessages = 16;

/**
 * What a request has in common with those that a server accepts or refuses together with it: its URL, its MCP session, and
 * the JSON-RPC method with the tool, prompt or resource that it names. URL and session where the body cannot be read.
 */
export function requestKind(
  { method, headers, text }: Pick<ReplayableRequest, "method" | "headers" | "text">,
  url: URL,
): string {
  const session = headers.get("mcp-session-id");
  const address = `${url.origin}${url.pathname}${url.search}`;
  const parts = JSON.stringify([method, address, session, messagesIn(text())]);
  // Of fixed length, and with nothing of the request in it.
  return createHash("sha256").update(parts).digest("base64url");
}

function messagesIn(body: string | undefined): unknown {
  if (body === undefined || body.length > longestBody) return null;
  try {
    const parsed: unknown = JSON.parse(body);
    return Array.isArray(parsed) ? parsed.slice(0, mostMessages).map(messageOf) : messageOf(parsed);
  } catch {
    return null;
  }
}

function messageOf(message: unknown): readonly unknown[] {
  const { method, params } = fieldsOf(message);
  const { name, uri, ref } = fieldsOf(params);
  // `completion/complete` names what it completes in `ref`.
  const reference = fieldsOf(ref);
  const names = [name, uri, reference["name"], reference["uri"]];
  return [method, ...names].map((part) => (typeof part === "string" ? part : null));
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
