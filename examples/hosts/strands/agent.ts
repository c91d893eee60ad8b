import { createInterface } from "node:readline";
import { Agent, McpClient } from "@strands-agents/sdk";
import { OpenAIModel } from "@strands-agents/sdk/models/openai";
import { createMcpAuth } from "mcp-auth-runtime";
import { transport } from "mcp-auth-runtime/hosts/strands";

const auth = await createMcpAuth();
const crm = new McpClient({ transport: transport(auth.resolve("crm")) });
await crm.connect();
const model = new OpenAIModel({ api: "chat", modelId: "gpt-5.4" });

async function ask(question: string): Promise<string> {
  const agent = new Agent({ model, tools: [crm], printer: false });
  return String(await agent.invoke(question));
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
