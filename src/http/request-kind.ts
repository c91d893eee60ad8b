import type { ReplayableRequest } from "./replayable-request.js";

/** Characters of the longest body that is parsed. */
const maxBodyLength = 1_048_576;
const maxMessages = 16;

/**
 * Returns the kind of a request. A server is expected to accept or refuse all requests of one kind: those with the same
 * URL, MCP session, JSON-RPC method, and tool, prompt or resource. If the body cannot be read, only URL and session
 * count.
 */
export function requestKind(
  { method, headers, text }: Pick<ReplayableRequest, "method" | "headers" | "text">,
  url: URL,
): string {
  const session = headers.get("mcp-session-id");
  const address = `${url.origin}${url.pathname}${url.search}`;
  const parts = JSON.stringify([method, address, session, messagesIn(text())]);
  // node:crypto is loaded here, because most processes never need it and it would make each start slower.
  const { createHash } = process.getBuiltinModule("node:crypto");
  // A hash has a fixed length, and reveals nothing about the request.
  return createHash("sha256").update(parts).digest("base64url");
}

function messagesIn(body: string | undefined): unknown {
  if (body === undefined || body.length > maxBodyLength) return null;
  try {
    const parsed: unknown = JSON.parse(body);
    return Array.isArray(parsed) ? parsed.slice(0, maxMessages).map(messageOf) : messageOf(parsed);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return null;
  }
}

function messageOf(message: unknown): readonly unknown[] {
  const { method, params } = fieldsOf(message);
  const { name, uri, ref } = fieldsOf(params);
  // `completion/complete` names its prompt or resource in `ref`.
  const reference = fieldsOf(ref);
  const names = [name, uri, reference["name"], reference["uri"]];
  return [method, ...names].map((part) => (typeof part === "string" ? part : null));
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}
