import { createInterface } from "node:readline";
import { approveAll, CopilotClient, type CopilotSession } from "@github/copilot-sdk";

const { OPENAI_BASE_URL: baseUrl = "", OPENAI_API_KEY: apiKey = "", PROXY_URL: url = "" } = process.env;
const client = new CopilotClient();
const idle: CopilotSession[] = [];

async function newSession() {
  return await client.createSession({
    model: "gpt-5.4",
    provider: { baseUrl, apiKey },
    mcpServers: { crm: { type: "http", url } },
    availableTools: ["mcp:*"],
    onPermissionRequest: approveAll,
  });
}

async function ask(question: string) {
  const session = idle.pop() ?? (await newSession());
  const answer = await session.sendAndWait(question);
  idle.push(session);
  return answer?.data.content;
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
