import { type Handler, type RecordedRequest, sendJson } from "../../support/http-server.js";

/** Answers as an MCP server does, without sessions and tools: 401 without a token, or with one that it does not accept. */
export function mcpAnswers(accepts: (request: RecordedRequest) => boolean = hasSomeToken): Handler {
  return (request, response) => {
    if (!accepts(request)) {
      response.setHeader("www-authenticate", "Bearer");
      return sendJson(response, {}, 401);
    }
    if (request.method !== "POST") return sendJson(response, {}, 405);
    // The body is what the doctor sends.
    const { id, method } = JSON.parse(request.body) as { id?: unknown; method: string };
    if (id === undefined) return void response.writeHead(202).end();
    const result = results[method];
    sendJson(response, {
      ...{ jsonrpc: "2.0", id },
      ...(result === undefined ? { error: { code: -32601, message: "no such method" } } : { result }),
    });
  };
}

const hasSomeToken = ({ headers }: RecordedRequest): boolean =>
  /^(?:Bearer|DPoP) /.test(headers.authorization ?? "");

const results: Readonly<Record<string, object>> = {
  initialize: {
    ...{ protocolVersion: "2025-11-25", capabilities: { tools: {} } },
    serverInfo: { name: "tools", version: "1" },
  },
  "tools/list": { tools: [] },
  ping: {},
};
