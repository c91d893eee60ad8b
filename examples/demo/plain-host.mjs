// A host as there are many: its settings have the URLs of MCP servers, and it knows nothing of authorization. run.mjs starts it
// with `node --import mcp-auth-runtime/register`. Prints a line of JSON for each call, until its input ends.
import { readFile } from "node:fs/promises";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Calls, every, repeat, requests } from "./calls.mjs";

const end = new AbortController();
process.stdin.once("end", () => end.abort()).resume();

const { mcpServers } = JSON.parse(await readFile(process.argv[2], "utf8"));
await Promise.all(Object.entries(mcpServers).map(([server, { url }]) => use(server, url)));

async function use(server, url) {
  const client = new Client({ name: "plain-host", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  const { tools } = await client.listTools();
  const calls = new Calls(server, client, requests[server]);
  const call = async () => {
    const answer = await calls.call();
    console.log(JSON.stringify({ ...calls, tools, answer }));
  };
  await call();
  await repeat({ every, from: performance.now() + every, until: Infinity, signal: end.signal }, call);
  await client.close();
}
