// One run of the job. It knows only the URL: the flag `--import mcp-auth-runtime/register` adds the token.
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const client = new Client({ name: "crm-report", version: "1.0.0" });
await client.connect(new StreamableHTTPClientTransport(new URL(process.env.CRM_URL)));
const text = `Report of ${new Date().toISOString()}`;
const { content } = await client.callTool({ name: "echo", arguments: { text } });
console.log(content.map((part) => part.text).join("\n"));
await client.close();
