// A typical host: its settings have the URLs of MCP servers, and it has no code for authorization. run.mjs starts it
// with `node --import mcp-auth-runtime/register`. It prints one line of JSON per call, until its input ends.
import { readFile } from "node:fs/promises";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { Calls, interval, repeat, requests } from "./calls.mjs";

const end = new AbortController();
process.stdin.once("end", () => end.abort()).resume();

const { mcpServers } = JSON.parse(await readFile(process.argv[2], "utf8"));
await Promise.all(Object.entries(mcpServers).map(([server, { url }]) => callRepeatedly(server, url)));

async function callRepeatedly(server, url) {
  const client = new Client({ name: "plain-host", version: "1.0.0" });
  await client.connect(new StreamableHTTPClientTransport(new URL(url)));
  const { tools } = await client.listTools();
  const calls = new Calls(server, client, requests[server]);
  const call = async () => {
    const answer = await calls.call();
    console.log(JSON.stringify({ ...calls, tools, answer }));
  };
  await call();
  await repeat({ interval, from: performance.now() + interval, until: Infinity, signal: end.signal }, call);
  await client.close();
}
