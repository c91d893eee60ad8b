import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { createMcpAuth } from "mcp-auth-runtime";
// Imported, so that a bundler includes it.
import config from "./mcp-auth.config.json" with { type: "json" };

// Once per cold start. All invocations of this instance share the token, which the first one requests.
const auth = await createMcpAuth({ config });
const crm = auth.resolve("crm");

/** Calls a tool. The connection ends with the invocation, because the platform may stop the process in between. */
export async function ask(text) {
  const client = new Client({ name: "crm-function", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(crm.url), { fetch: crm.fetch }));
  try {
    const { content } = await client.callTool({ name: "echo", arguments: { text } });
    return content.map((part) => part.text).join("\n");
  } finally {
    await client.close();
  }
}
