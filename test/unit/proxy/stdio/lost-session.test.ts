import { expect, test } from "vitest";
import { isSessionLost } from "../../../../src/proxy/stdio/lost-session.js";
import { type Message, parseMessage } from "../../../../src/proxy/stdio/message.js";

function message(value: object): Message {
  const parsed = parseMessage(JSON.stringify({ jsonrpc: "2.0", ...value }));
  if ("problem" in parsed) throw new Error(parsed.problem);
  return parsed;
}

function error(code: number, text: string, id: unknown = null): string {
  return JSON.stringify({ jsonrpc: "2.0", error: { code, message: text }, id });
}

const call = message({ id: 1, method: "tools/call" });
const notification = message({ method: "notifications/x" });
const _meta = { "io.modelcontextprotocol/protocolVersion": "2026-07-28" };
const selfContained = message({ id: 1, method: "tools/call", params: { _meta } });

test.each([
  // What servers answer to a session that they do not know.
  ["TypeScript SDK", 404, error(-32_001, "Session not found"), call, true],
  ["Python SDK", 404, error(-32_600, "Session not found", "server-error"), call, true],
  ["a page", 404, "<p>Not found</p>", call, true],
  ["nothing", 404, undefined, call, true],
  ["nothing, to a notification", 404, "", notification, true],
  ["examples of the SDK", 400, error(-32_000, "Bad Request: No valid session ID provided"), call, true],
  ["a restarted server", 400, error(-32_000, "Bad Request: Server not initialized"), call, true],
  ["plain text", 400, "Invalid session ID", call, true],
  // Other mistakes.
  ["another version", 400, error(-32_000, "Bad Request: Unsupported protocol version"), call, false],
  ["an answer", 404, error(-32_602, "No such session", 1), call, false],
  ["an unknown method", 404, error(-32_601, "Method not found"), notification, false],
  ["nothing", 400, undefined, call, false],
  ["an error", 500, error(-32_001, "Session not found"), call, false],
  ["a request without a session", 404, error(-32_001, "Session not found"), selfContained, false],
])(
  "it is known whether a session is lost from the answer of a server: %s, HTTP %d, %s",
  (_, status, errorText, sent, isLost) => {
    const reply = { response: new Response(null, { status }), errorText };
    expect(isSessionLost(reply, sent, { id: "s" })).toBe(isLost);
    expect(isSessionLost(reply, sent, {})).toBe(false);
  },
);
