import { Buffer } from "node:buffer";
import { isJsonObject } from "../../lib/json-object.js";
import type { Message, NotificationPart, RequestPart } from "./message.js";

/** What the server and the host agreed on in `initialize` (MCP 2025-11-25 and earlier). */
export interface SessionHeaders {
  /** `Mcp-Session-Id`; `undefined` if the server keeps no sessions. */
  readonly id?: string | undefined;
  /** The negotiated protocol version. */
  readonly protocolVersion?: string | undefined;
}

const versionProperty = "io.modelcontextprotocol/protocolVersion";

/**
 * Returns the request of a message that says itself which protocol version it uses, as each does since MCP 2026-07-28.
 * Such a request is independent of sessions, and closing its connection cancels it.
 */
export function selfContainedRequest(message: Message): RequestPart | undefined {
  const [part] = message.parts;
  if (message.isBatch || part?.kind !== "request") return undefined;
  return versionOf(part) === undefined ? undefined : part;
}

function versionOf({ params }: RequestPart | NotificationPart): string | undefined {
  const meta = params["_meta"];
  const version = isJsonObject(meta) ? meta[versionProperty] : undefined;
  return typeof version === "string" && isHeaderSafe(version) ? version : undefined;
}

/** Returns the headers of a POST. */
export function postHeaders(message: Message, session: SessionHeaders): Record<string, string> {
  const request = selfContainedRequest(message);
  return {
    "content-type": "application/json",
    accept: "application/json, text/event-stream",
    ...(request === undefined ? sessionHeaders(session) : mirroredHeaders(request)),
    ...versionHeader(message),
  };
}

function versionHeader({ parts: [part], isBatch }: Message): Record<string, string> {
  const version = isBatch || part === undefined || part.kind === "response" ? undefined : versionOf(part);
  return version === undefined ? {} : { "mcp-protocol-version": version };
}

export function sessionHeaders({ id, protocolVersion }: SessionHeaders): Record<string, string> {
  return {
    ...(id !== undefined && { "mcp-session-id": id }),
    ...(protocolVersion !== undefined && { "mcp-protocol-version": protocolVersion }),
  };
}

/** The property of `params` that `Mcp-Name` repeats. The methods of tasks come from SEP-2663. */
const namedBy: Readonly<Record<string, string>> = {
  "tools/call": "name",
  "prompts/get": "name",
  "resources/read": "uri",
  "tasks/get": "taskId",
  "tasks/update": "taskId",
  "tasks/cancel": "taskId",
};

/** MCP 2026-07-28, "Request Metadata": parts of the body that intermediaries read from headers. */
function mirroredHeaders({ method, params }: RequestPart): Record<string, string> {
  const property = Object.hasOwn(namedBy, method) ? namedBy[method] : undefined;
  const name = property === undefined ? undefined : params[property];
  return {
    "mcp-method": headerValue(method),
    ...(typeof name === "string" && { "mcp-name": headerValue(name) }),
  };
}

/**
 * Returns a value for a header, in base64 if it cannot be sent as it is, or if it looks like base64 (MCP 2026-07-28,
 * "Value Encoding").
 */
export function headerValue(value: string): string {
  const isPlain = /^[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?$/.test(value);
  if (isPlain && !(value.startsWith("=?base64?") && value.endsWith("?="))) return value;
  return `=?base64?${Buffer.from(value).toString("base64")}?=`;
}

/** Returns whether a value from outside can be a session ID, a protocol version or an event ID in a header. */
export function isHeaderSafe(value: string): boolean {
  return /^[\x21-\x7e]{1,8192}$/.test(value);
}
