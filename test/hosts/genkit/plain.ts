import { createInterface } from "node:readline";
import { openAI } from "@genkit-ai/compat-oai/openai";
import { createMcpHost } from "@genkit-ai/mcp";
import { genkit, setGenkitRuntimeConfig } from "genkit";

setGenkitRuntimeConfig({ jsonSchemaMode: "interpret" });

const ai = genkit({ plugins: [openAI()], model: openAI.model("gpt-5-mini") });
const host = createMcpHost({ name: "agent", mcpServers: { crm: { url: process.env["CRM_URL"] ?? "" } } });

async function ask(question: string): Promise<string> {
  const tools = await host.getActiveTools(ai);
  const { text } = await ai.generate({ prompt: question, tools });
  return text;
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
