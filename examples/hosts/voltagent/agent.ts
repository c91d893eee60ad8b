import { createInterface } from "node:readline";
import { Agent, MCPConfiguration } from "@voltagent/core";
import { createMcpAuth } from "mcp-auth-runtime";
import { register } from "mcp-auth-runtime/register/api";

const auth = await createMcpAuth();
register(auth);
const { url } = auth.resolve("crm");
const mcp = new MCPConfiguration({ servers: { crm: { type: "streamable-http", url } } });
const agent = new Agent({
  name: "clerk",
  instructions: "Answer questions about customers.",
  model: "openai/gpt-5",
  tools: await mcp.getTools(),
});

const ask = async (question: string) => (await agent.generateText(question)).text;
createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
