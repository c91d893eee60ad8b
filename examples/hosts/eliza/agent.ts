import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { AgentRuntime, asUUID, ElizaOS, stringToUuid } from "@elizaos/core";
import bootstrap from "@elizaos/plugin-bootstrap";
import openai from "@elizaos/plugin-openai";
import sql, { createDatabaseAdapter } from "@elizaos/plugin-sql";
import mcpAuth, { serviceType } from "mcp-auth-eliza";

const id = stringToUuid("Clerk");
const adapter = createDatabaseAdapter({ dataDir: "memory://" }, id);
await adapter.init();
await adapter.runPluginMigrations?.([sql]);
const settings = { USE_MULTI_STEP: true };
const character = { id, name: "Clerk", bio: "Answers questions about customers.", settings };
const runtime = new AgentRuntime({ adapter, character, plugins: [bootstrap, openai, mcpAuth] });
await runtime.initialize();
await runtime.getServiceLoadPromise(serviceType);

async function ask(text: string) {
  const roomId = asUUID(randomUUID());
  const message = { entityId: roomId, roomId, content: { text, source: "client_chat" } };
  const { processing } = await new ElizaOS().handleMessage(runtime, message);
  return processing?.responseContent?.text;
}
createInterface({ input: process.stdin }).on("line", (line) => ask(line).then(console.log, console.error));
