import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";
import { createMcpAuth } from "mcp-auth-runtime";
import { transportOptions } from "mcp-auth-runtime/hosts/mcp-sdk";

const auth = await createMcpAuth();
const crm = auth.resolve("crm");
const client = new Client({ name: "my-agent", version: "1.0.0" });
await client.connect(new StreamableHTTPClientTransport(new URL(crm.url), transportOptions(crm)));

async function ask(question: string) {
  const result = await client.callTool({ name: "echo", arguments: { text: question } });
  const { content } = CallToolResultSchema.parse(result);
  return content.map((part) => (part.type === "text" ? part.text : part.type)).join("\n");
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
