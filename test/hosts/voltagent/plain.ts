// The same agent with only a URL: that of the server, or that of the proxy.
import { createInterface } from "node:readline";
import { Agent, MCPConfiguration } from "@voltagent/core";

const url = process.env["PROXY_URL"] ?? process.env["CRM_URL"] ?? "";
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
