// A real MCP client over a manager's `fetch`, for servers with more tools than one.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { onTestFinished } from "vitest";
import type { TokenManager } from "../../src/index.js";

export interface ToolClient {
  /** Calls a tool with a text; the text that it gave back. What `fetch` rejects with comes through as it is. */
  call(tool: string, text: string): Promise<unknown>;
}

/** Connected with SDK v2, and closed when the test ends. */
export async function connectClient(manager: TokenManager): Promise<ToolClient> {
  const client = new Client({ name: "test", version: "1.0.0" });
  onTestFinished(() => client.close());
  await client.connect(new StreamableHTTPClientTransport(new URL(manager.url), { fetch: manager.fetch }));
  return {
    async call(name, text) {
      const { content } = await client.callTool({ name, arguments: { text } });
      const [first] = content;
      return first?.type === "text" ? first.text : undefined;
    },
  };
}
