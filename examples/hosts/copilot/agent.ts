import { createInterface } from "node:readline";
import { approveAll, CopilotClient, type CopilotSession } from "@github/copilot-sdk";
import { createMcpAuth } from "mcp-auth-runtime";
import { connected, mcpAuthHandler, mcpServers } from "mcp-auth-runtime/hosts/copilot";

const auth = await createMcpAuth();
const client = new CopilotClient();
const idle: CopilotSession[] = [];

async function ask(question: string): Promise<string | undefined> {
  const session =
    idle.pop() ??
    (await client.createSession({
      model: "gpt-5.4",
      provider: {
        baseUrl: process.env["OPENAI_BASE_URL"] ?? "https://api.openai.com/v1",
        apiKey: process.env["OPENAI_API_KEY"],
      },
      onPermissionRequest: approveAll,
      mcpServers: mcpServers(auth),
      onMcpAuthRequest: mcpAuthHandler(auth),
    }));
  await connected(auth, session);
  const answer = await session.sendAndWait(question);
  idle.push(session);
  return answer?.data.content;
}

createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);
