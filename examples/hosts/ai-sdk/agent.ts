import { createInterface } from "node:readline";
import { createMCPClient } from "@ai-sdk/mcp";
import { openai } from "@ai-sdk/openai";
import { ToolLoopAgent } from "ai";
import { createMcpAuth } from "mcp-auth-runtime";
import { transport } from "mcp-auth-runtime/hosts/ai-sdk";

const auth = await createMcpAuth();
const crm = await createMCPClient({ transport: transport(auth.resolve("crm")) });
const agent = new ToolLoopAgent({ model: openai("gpt-5"), tools: await crm.tools() });

async function ask(question: string) {
  const { text } = await agent.generate({ prompt: question });
  return text;
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
