import { MultiServerMCPClient } from "@langchain/mcp-adapters";

export async function connect(url) {
  const client = new MultiServerMCPClient({ echo: { transport: "http", url } });
  const [echo] = await client.getTools();
  return { call: (text) => echo.invoke({ text }), close: () => client.close() };
}
