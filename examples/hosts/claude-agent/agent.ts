import { createInterface } from "node:readline";
import { type Options, query } from "@anthropic-ai/claude-agent-sdk";
import { createMcpAuth } from "mcp-auth-runtime";
import { mcpServers } from "mcp-auth-runtime/hosts/claude-agent";

const auth = await createMcpAuth();
const options: Options = {
  mcpServers: await mcpServers(auth),
  mcpServersDelivery: "initialize",
  allowedTools: ["mcp__crm"],
};

async function ask(prompt: string): Promise<string> {
  for await (const message of query({ prompt, options })) {
    if (message.type === "result") return message.subtype === "success" ? message.result : message.subtype;
  }
  throw new Error("The agent ended without a result.");
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
