// Starts mcp-remote, or another MCP server on stdio, as hosts do that only start commands. Calls the tool with each line
// of stdin.
import { createInterface } from "node:readline";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

// The SDK passes neither NODE_OPTIONS nor secrets on unless it is told to.
const { CRM_URL, CRM_ISSUER, CRM_SECRET, NODE_OPTIONS } = process.env;
const { PROXY_URL = CRM_URL, MCP_COMMAND = `mcp-remote ${PROXY_URL}` } = process.env;
const [command, ...args] = MCP_COMMAND.split(" ");

const client = new Client({ name: "agent", version: "1.0.0" });
const transport = new StdioClientTransport({
  command,
  args,
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
