import { createInterface } from "node:readline";
import { Agent } from "@mastra/core/agent";
import { MCPClient } from "@mastra/mcp";
import { createMcpAuth } from "mcp-auth-runtime";
import { mcpServers } from "mcp-auth-runtime/hosts/mastra";

const auth = await createMcpAuth();
await auth.start({ require: ["crm"] });
const mcp = new MCPClient({ servers: mcpServers(auth) });
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
