import { createInterface } from "node:readline";
import { InMemoryRunner, isFinalResponse, LlmAgent, MCPToolset, stringifyContent } from "@google/adk";
import { createMcpAuth } from "mcp-auth-runtime";
import { connectionParams } from "mcp-auth-runtime/hosts/google-adk";

const auth = await createMcpAuth();

async function ask(question: string): Promise<string> {
  // A runner closes the sessions of its toolsets when a run ends, so concurrent runs need toolsets of their own.
  const crm = new MCPToolset(connectionParams(auth.resolve("crm")));
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
