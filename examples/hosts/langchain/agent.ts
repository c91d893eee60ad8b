import { createInterface } from "node:readline";
import { createAgent } from "langchain";
import { createMcpAuth } from "mcp-auth-runtime";
import { loadTools } from "mcp-auth-runtime/hosts/langchain";

const auth = await createMcpAuth();
const agent = createAgent({ model: "openai:gpt-5-mini", tools: await loadTools(auth) });

async function ask(question: string): Promise<string> {
  const { messages } = await agent.invoke({ messages: [{ role: "user", content: question }] });
  return messages.at(-1)?.text ?? "";
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
