import { createInterface } from "node:readline";
import { Agent } from "@mastra/core/agent";
import { MCPClient } from "@mastra/mcp";

// Without `connectTimeout`, Mastra waits three seconds, and a token request may take longer.
const url = new URL(process.env["CRM_URL"] ?? "");
const mcp = new MCPClient({ servers: { crm: { url, connectTimeout: 45_000 } } });
const agent = new Agent({
  id: "crm-agent",
  name: "CRM agent",
  instructions: "Answer with the tools of the CRM.",
  model: "openai/gpt-5-mini",
  tools: await mcp.listTools(),
});

async function ask(question: string): Promise<string> {
  const { text } = await agent.generate(question);
  return text;
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
