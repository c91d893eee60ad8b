// Starts mcp-remote as hosts do that only start commands, and calls the tool with each line of stdin.
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

// The SDK passes neither NODE_OPTIONS nor secrets on unless it is told to.
const { CRM_URL, CRM_ISSUER, CRM_SECRET, NODE_OPTIONS, PROXY_URL = CRM_URL } = process.env;

const client = new Client({ name: "agent", version: "1.0.0" });
const transport = new StdioClientTransport({
  command: "mcp-remote",
  args: [PROXY_URL],
  env: { ...getDefaultEnvironment(), CRM_URL, CRM_ISSUER, CRM_SECRET, NODE_OPTIONS },
});
await client.connect(transport);

createInterface({ input: process.stdin }).on("line", async (question) => {
  try {
    const { content } = await client.callTool({ name: "echo", arguments: { text: question } });
    console.log(content[0].text);
  } catch (error) {
    console.error(`FAILED ${question}: ${error.message}`);
  }
});
