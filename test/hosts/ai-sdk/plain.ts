import { createInterface } from "node:readline";
import { createMCPClient } from "@ai-sdk/mcp";
import { openai } from "@ai-sdk/openai";
import { ToolLoopAgent } from "ai";

const crm = await createMCPClient({ transport: { type: "http", url: process.env.CRM_URL ?? "" } });
const agent = new ToolLoopAgent({ model: openai("gpt-5"), tools: await crm.tools() });

async function ask(question: string) {
  const { text } = await agent.generate({ prompt: question });
  return text;
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
