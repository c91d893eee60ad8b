import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";

// The SDK passes neither NODE_OPTIONS nor secrets on unless it is told to.
const NODE_OPTIONS = "--import=mcp-auth-runtime/register";
const { AGENT_SECRET, MCP_REMOTE_CONFIG_DIR } = process.env;

export async function connect(url) {
  const client = new Client({ name: "agent", version: "1.0.0" });
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: ["node_modules/mcp-remote/dist/proxy.js", url],
    env: { ...getDefaultEnvironment(), NODE_OPTIONS, AGENT_SECRET, MCP_REMOTE_CONFIG_DIR },
  });
  await client.connect(transport);
  return {
    async call(text) {
      const { content } = await client.callTool({ name: "echo", arguments: { text } });
      return content[0].text;
    },
    close: () => client.close(),
  };
}
