import { describe, expect, test } from "vitest";
import { type Message, parseMessage } from "../../../../src/proxy/stdio/message.js";
import { headerValue, postHeaders } from "../../../../src/proxy/stdio/request-headers.js";

const versionOf2026 = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };

function message(value: object): Message {
  const parsed = parseMessage(JSON.stringify({ jsonrpc: "2.0", id: 1, ...value }));
  if ("problem" in parsed) throw new Error(parsed.problem);
  return parsed;
}

describe("the headers of a request", () => {
  test("are those of the session for a message without a protocol version", () => {
    const session = { id: "abc", protocolVersion: "2025-11-25" };
    expect(postHeaders(message({ method: "tools/call", params: { name: "x" } }), session)).toEqual({
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-session-id": "abc",
      "mcp-protocol-version": "2025-11-25",
    });
    expect(postHeaders(message({ method: "initialize" }), {})).toEqual({
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
    });
  });

  test.each([
    ["tools/call", { name: "get" }, "get"],
    ["prompts/get", { name: "p" }, "p"],
    ["resources/read", { uri: "file:///a b" }, "file:///a b"],
    ["resources/read", { uri: "file:///ä" }, "=?base64?ZmlsZTovLy/DpA==?="],
    ["tasks/get", { taskId: "t" }, "t"],
    ["tools/list", { name: "x" }, undefined],
    ["tools/call", { name: 1 }, undefined],
    ["constructor", { name: "x" }, undefined],
  ])("repeat the method and the name of a request of MCP 2026-07-28: %s", (method, params, name) => {
    const request = message({ method, params: { ...params, _meta: versionOf2026 } });
    expect(postHeaders(request, { id: "abc", protocolVersion: "2025-11-25" })).toEqual({
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2026-07-28",
      "mcp-method": method,
      ...(name !== undefined && { "mcp-name": name }),
    });
  });

  test.each([
    ["us-west1", "us-west1"],
    ["a b", "a b"],
    ["Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="],
    [" padded ", "=?base64?IHBhZGRlZCA=?="],
    ["line1\nline2", "=?base64?bGluZTEKbGluZTI=?="],
    ["=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="],
    ["", "=?base64??="],
  ])("encode a value as the specification does: %j", (value, encoded) => {
    expect(headerValue(value)).toBe(encoded);
  });
});
