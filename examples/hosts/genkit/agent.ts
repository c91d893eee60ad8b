import { createInterface } from "node:readline";
import { openAI } from "@genkit-ai/compat-oai/openai";
import { createMcpHost } from "@genkit-ai/mcp";
import { genkit, setGenkitRuntimeConfig } from "genkit";
import { createMcpAuth } from "mcp-auth-runtime";
import { mcpServers } from "mcp-auth-runtime/hosts/genkit";

// Genkit's default validator fails on the JSON Schemas of most MCP servers (draft 2020-12).
setGenkitRuntimeConfig({ jsonSchemaMode: "interpret" });

const auth = await createMcpAuth();
const ai = genkit({ plugins: [openAI()], model: openAI.model("gpt-5-mini") });
const host = createMcpHost({ name: "agent", mcpServers: mcpServers(auth) });

async function ask(question: string): Promise<string> {
  const tools = await host.getActiveTools(ai);
  const { text } = await ai.generate({ prompt: question, tools });
  return text;
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
