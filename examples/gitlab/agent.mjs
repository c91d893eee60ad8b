// Calls a tool of the MCP server. It knows only the URL: the flag `--import mcp-auth-runtime/register` adds the token.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const [, , text = "Hello"] = process.argv;
const client = new Client({ name: "ci-agent", version: "1.0.0" });
await client.connect(new StreamableHTTPClientTransport(new URL(process.env.CRM_URL)));
const { content } = await client.callTool({ name: "echo", arguments: { text } });
console.log(content.map((part) => part.text).join("\n"));
await client.close();
