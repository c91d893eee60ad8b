import type { ToolRequest } from "./servers.js";

/** Returns the `init` that a caller passes to `fetch`. */
export function initOf({ tool, session }: ToolRequest, signal: AbortSignal, isStream: boolean): RequestInit {
  const message =
    tool === undefined ? { method: "initialize" } : { method: "tools/call", params: { name: tool } };
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, ...message });
  const stream = (): Pick<RequestInit, "body" | "duplex"> => ({
    body: new Blob([body]).stream(),
    duplex: "half",
  });
  return {
    ...{ method: "POST", signal },
    ...(session !== undefined && { headers: { "mcp-session-id": session } }),
    ...(isStream ? stream() : { body }),
  };
}
