// Eliza with its own plugin for MCP, whose settings have only the URL: that of the server, or that of the proxy. This is
// JavaScript because the declarations of its packages disagree.
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { AgentRuntime, asUUID, ElizaOS, stringToUuid } from "@elizaos/core";
import bootstrap from "@elizaos/plugin-bootstrap";
import mcp, { MCP_SERVICE_NAME } from "@elizaos/plugin-mcp";
import openai from "@elizaos/plugin-openai";
import sql, { createDatabaseAdapter } from "@elizaos/plugin-sql";

const id = stringToUuid("Clerk");
const adapter = createDatabaseAdapter({ dataDir: "memory://" }, id);
await adapter.init();
await adapter.runPluginMigrations?.([sql]);
const url = process.env["PROXY_URL"] ?? process.env["CRM_URL"] ?? "";
const settings = { USE_MULTI_STEP: true, mcp: { servers: { crm: { type: "http", url } } } };
const character = { id, name: "Clerk", bio: "Answers questions about customers.", settings };
const runtime = new AgentRuntime({ adapter, character, plugins: [bootstrap, openai, mcp] });
await runtime.initialize();
await runtime.getServiceLoadPromise(MCP_SERVICE_NAME);

async function ask(text) {
  const roomId = asUUID(randomUUID());
  const message = { entityId: roomId, roomId, content: { text, source: "client_chat" } };
  const { processing } = await new ElizaOS().handleMessage(runtime, message);
  return processing?.responseContent?.text;
}
createInterface({ input: process.stdin }).on("line", (line) => ask(line).then(console.log, console.error));
