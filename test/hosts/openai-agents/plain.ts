import { createInterface } from "node:readline";
import { Agent, getAllMcpTools, MCPServerStreamableHttp, run } from "@openai/agents";

const crm = new MCPServerStreamableHttp({
  url: process.env.CRM_URL ?? "",
  clientSessionTimeoutSeconds: 45,
  errorFunction: ({ error }) => String(error),
});
await crm.connect();
const agent = new Agent({ name: "my-agent", model: "gpt-5", tools: await getAllMcpTools([crm]) });

async function ask(question: string) {
  const { finalOutput } = await run(agent, question);
  return finalOutput;
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
