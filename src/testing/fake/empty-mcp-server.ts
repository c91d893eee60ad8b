/** The results of a server that offers nothing. Any other request gets an empty result. */
const results: Readonly<Record<string, object>> = {
  "tools/list": { tools: [] },
  "tools/call": { content: [] },
  "resources/list": { resources: [] },
  "resources/templates/list": { resourceTemplates: [] },
  "resources/read": { contents: [] },
  "prompts/list": { prompts: [] },
};

/** Answers as an MCP server without a session, to which a real client can connect, and which offers nothing. */
export async function answerWithNothing(name: string, request: Request): Promise<Response> {
  // There is no stream to open and no session to end.
  if (request.method !== "POST") return new Response(null, { status: 405, headers: { allow: "POST" } });
  const message: unknown = await request.json().catch(() => undefined);
  const { id, method, params }: Message = typeof message === "object" && message !== null ? message : {};
  // A notification gets no answer, and neither does a request that is not JSON-RPC.
  if (id === undefined) return new Response(null, { status: 202 });
  // From MCP 2026-07-28. Without it, a client continues with `initialize`.
  if (method === "server/discover")
    return Response.json({ jsonrpc: "2.0", id, error: { code: -32_601, message: "Method not found" } });
  const result = method === "initialize" ? initialized(name, params) : (results[String(method)] ?? {});
  return Response.json({ jsonrpc: "2.0", id, result });
}

interface Message {
  readonly id?: unknown;
  readonly method?: unknown;
  readonly params?: unknown;
}

/** Accepts the version that the client offers, because nothing depends on it. */
function initialized(name: string, params: unknown): object {
  const { protocolVersion = "2025-11-25" }: { protocolVersion?: unknown } =
    typeof params === "object" && params !== null ? params : {};
  const capabilities = { tools: {}, resources: {}, prompts: {} };
  return { protocolVersion, capabilities, serverInfo: { name, version: "0.0.0" } };
}
