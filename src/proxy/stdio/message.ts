import { isJsonObject, type JsonObject } from "../../lib/json-object.js";
import { elementsOf, membersOf, objectText } from "../../lib/json-text.js";
import { idOf, type JsonRpcId, noId } from "../json-rpc-id.js";

/** The longest message in either direction: bytes of a line, characters of an event or of an answer. */
export const maxMessageLength = 16 * 1_024 * 1_024;

export interface RequestPart {
  readonly kind: "request";
  readonly id: JsonRpcId;
  readonly method: string;
  readonly params: JsonObject;
}

export interface NotificationPart {
  readonly kind: "notification";
  readonly method: string;
  readonly params: JsonObject;
}

export interface ResponsePart {
  readonly kind: "response";
  readonly id: JsonRpcId;
  /** The result, if it is an object. */
  readonly result: JsonObject | undefined;
  /** The code of the error; `undefined` for a result. */
  readonly errorCode: number | undefined;
}

export type MessagePart = RequestPart | NotificationPart | ResponsePart;

/** One line of MCP's stdio transport. */
export interface Message {
  /**
   * JSON on one line: the text as it came, because parsing and writing it again would change large numbers and repeated
   * properties. Only what `spareMember` finds is removed.
   */
  readonly text: string;
  /** One part, or those of a batch (MCP 2025-03-26). */
  readonly parts: readonly MessagePart[];
  readonly isBatch: boolean;
}

/** Parses a text. Returns why it is no message if it is not, with the `id` to answer, if it has one. */
export function parseMessage(
  text: string,
): Message | { readonly problem: "not_json" | "not_json_rpc"; readonly id: JsonRpcId } {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // `JSON.parse` throws only a SyntaxError.
    return { problem: "not_json", id: noId };
  }
  const isBatch = Array.isArray(value);
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  let texts: readonly string[] | undefined;
  const textOf = (index: number) => {
    texts ??= isBatch ? elementsOf(text) : [text];
    return texts[index] ?? "";
  };
  const parts = values
    .map((each, index) => partOf(each, () => textOf(index)))
    .filter((part) => part !== undefined);
  if (parts.length < values.length || parts.length === 0)
    return {
      problem: "not_json_rpc",
      id: (isJsonObject(value) ? idIn(value, () => text) : undefined) ?? noId,
    };
  if (values.every((each) => spareMember(each) === undefined))
    return { text: onOneLine(text), parts, isBatch };
  const cleaned = values.map((each, index) => withoutSpareMember(each, textOf(index)));
  return { text: onOneLine(isBatch ? `[${cleaned.join()}]` : cleaned.join()), parts, isBatch };
}

function partOf(value: unknown, text: () => string): MessagePart | undefined {
  if (!isJsonObject(value) || value["jsonrpc"] !== "2.0") return undefined;
  const { method, params } = value;
  const id = idIn(value, text);
  if (typeof method === "string") {
    const given = isJsonObject(params) ? params : {};
    if (id !== undefined) return { kind: "request", id, method, params: given };
    return "id" in value ? undefined : { kind: "notification", method, params: given };
  }
  if (method !== undefined) return undefined;
  const spare = spareMember(value);
  const result = spare === "result" ? undefined : value["result"];
  const error = spare === "error" ? undefined : value["error"];
  if (isJsonObject(error) && typeof error["code"] === "number" && result === undefined)
    return { kind: "response", id: id ?? noId, result: undefined, errorCode: error["code"] };
  if (id === undefined || result === undefined || error !== undefined) return undefined;
  return { kind: "response", id, result: isJsonObject(result) ? result : undefined, errorCode: undefined };
}

function idIn(value: JsonObject, text: () => string): JsonRpcId | undefined {
  return idOf(value["id"], () => membersOf(text()).get("id"));
}

/**
 * Some servers write both members of a response, the one that does not apply as `null`, as in JSON-RPC 1.0. Hosts refuse
 * that. Returns the name of this member.
 */
function spareMember(value: unknown): "error" | "result" | undefined {
  if (!isJsonObject(value)) return undefined;
  const { result, error } = value;
  if (error === null && result !== undefined) return "error";
  return result === null && isJsonObject(error) ? "result" : undefined;
}

function withoutSpareMember(value: unknown, text: string): string {
  const spare = spareMember(value);
  if (spare === undefined) return text;
  const members = membersOf(text);
  members.delete(spare);
  return objectText(members);
}

/**
 * Returns JSON on one line, with the same meaning. Line breaks are only between its tokens. U+2028 and U+2029, which end
 * a line for some readers, are only in its strings.
 */
function onOneLine(json: string): string {
  return json
    .replaceAll(/[\r\n]+/g, " ")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029")
    .trim();
}

export function requestsOf(message: Message): readonly RequestPart[] {
  return message.parts.filter((part) => part.kind === "request");
}

/** Returns the part of a message that is not a batch, if it has this method. */
export function singlePart(message: Message, method: string): RequestPart | NotificationPart | undefined {
  const [part] = message.parts;
  if (message.isBatch || part === undefined || part.kind === "response") return undefined;
  return part.method === method ? part : undefined;
}

/** Returns a value as JSON, `undefined` if it is nested too deeply. */
export function toJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    // What came from JSON has no cycles, so that this is the end of the stack.
    return undefined;
  }
}
