import { createInterface } from "node:readline";
import { MultiServerMCPClient } from "@langchain/mcp-adapters";
import { createAgent } from "langchain";

const client = new MultiServerMCPClient({ crm: { transport: "http", url: process.env["CRM_URL"] ?? "" } });
const agent = createAgent({ model: "openai:gpt-5-mini", tools: await client.getTools() });

async function ask(question: string): Promise<string> {
  const { messages } = await agent.invoke({ messages: [{ role: "user", content: question }] });
  return messages.at(-1)?.text ?? "";
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
