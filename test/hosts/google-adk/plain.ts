import { createInterface } from "node:readline";
import { InMemoryRunner, isFinalResponse, LlmAgent, MCPToolset, stringifyContent } from "@google/adk";

const url = process.env["CRM_URL"] ?? "";

async function ask(question: string): Promise<string> {
  const crm = new MCPToolset({ type: "StreamableHTTPConnectionParams", url });
  const agent = new LlmAgent({ name: "crm_agent", model: "gemini-2.5-flash", tools: [crm] });
  const newMessage = { role: "user", parts: [{ text: question }] };
  let answer = "";
  for await (const event of new InMemoryRunner({ agent }).runEphemeral({ userId: "user", newMessage })) {
    if (isFinalResponse(event)) answer = stringifyContent(event);
  }
  return answer;
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
