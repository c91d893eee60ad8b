import { createInterface } from "node:readline";
import { approveAll, CopilotClient } from "@github/copilot-sdk";
import { createMcpAuth } from "mcp-auth-runtime";
import { connected, mcpAuthHandler, mcpServers } from "mcp-auth-runtime/hosts/copilot";

const { OPENAI_BASE_URL: baseUrl = "https://api.openai.com/v1", OPENAI_API_KEY: apiKey = "" } = process.env;
const auth = await createMcpAuth();
const onMcpAuthRequest = mcpAuthHandler(auth);
const client = new CopilotClient();

async function newSession() {
  return await client.createSession({
    model: "gpt-5.4",
    provider: { baseUrl, apiKey },
    mcpServers: mcpServers(auth),
    onMcpAuthRequest,
    availableTools: ["mcp:*"],
    onPermissionRequest: approveAll,
  });
}

// A session answers one question at a time.
const idle = [await newSession()];

async function ask(question: string) {
  const session = idle.pop() ?? (await newSession());
  await connected(auth, session);
  const answer = await session.sendAndWait(question);
  idle.push(session);
  return answer?.data.content;
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
