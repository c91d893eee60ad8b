import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

export async function connect(url) {
  const client = new Client({ name: "agent", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  return {
    async call(text) {
      const { content } = await client.callTool({ name: "echo", arguments: { text } });
      return content[0].text;
    },
    close: () => client.close(),
  };
}
