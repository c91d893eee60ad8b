import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import { CallToolResultSchema } from "@modelcontextprotocol/sdk/types.js";

const client = new Client({ name: "my-agent", version: "1.0.0" });
await client.connect(new StreamableHTTPClientTransport(new URL(process.env.CRM_URL ?? "")));

async function ask(question: string) {
  const result = await client.callTool({ name: "echo", arguments: { text: question } });
  const { content } = CallToolResultSchema.parse(result);
  return content.map((part) => (part.type === "text" ? part.text : part.type)).join("\n");
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
