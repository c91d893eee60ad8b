// An agent that answers over HTTP. It reaches the MCP server through the proxy beside it, so it needs no token, and could
// be written in any language.
import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

const { CRM_URL, MCP_AUTH_PROXY_TOKEN, PORT } = process.env;
const headers = { "MCP-Auth-Proxy-Token": MCP_AUTH_PROXY_TOKEN };
const client = new Client({ name: "crm-agent", version: "1.0.0" });
await client.connect(new StreamableHTTPClientTransport(new URL(CRM_URL), { requestInit: { headers } }));

async function answer(request) {
  if (request.url === "/healthz") return "ok";
  const { content } = await client.callTool({ name: "echo", arguments: { text: await text(request) } });
  return content.map((part) => part.text).join("\n");
}

const server = createServer((request, response) => {
  answer(request).then(
    (body) => response.end(body),
    (error) => response.writeHead(502).end(error.message),
  );
});
server.listen(Number(PORT));
process.on("SIGTERM", () => server.close(() => process.exit()));
