// A real MCP client with a manager's `fetch`, for servers with more than one tool.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { onTestFinished } from "vitest";
import type { TokenManager } from "../../src/index.js";

export interface ToolClient {
  /** Calls a tool with a text and returns the text of its result. Rejects with the error of `fetch`, unchanged. */
  call(tool: string, text: string): Promise<unknown>;
}

/** Connects a client of SDK v2 and closes it when the test ends. */
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
