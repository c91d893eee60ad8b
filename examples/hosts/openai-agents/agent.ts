import { createInterface } from "node:readline";
import { Agent, getAllMcpTools, MCPServerStreamableHttp, run } from "@openai/agents";
import { createMcpAuth } from "mcp-auth-runtime";
import { serverOptions } from "mcp-auth-runtime/hosts/openai-agents";

const auth = await createMcpAuth();
const crm = new MCPServerStreamableHttp(serverOptions(auth.resolve("crm")));
await crm.connect();
const agent = new Agent({ name: "my-agent", model: "gpt-5", tools: await getAllMcpTools([crm]) });

async function ask(question: string) {
  const { finalOutput } = await run(agent, question);
  return finalOutput;
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
