// One session for all questions. It connects to the server itself, with the headers that our command prints. It answers one
// message at a time, so questions that come at once are asked in one message.
import { EventEmitter, once } from "node:events";
import { createInterface } from "node:readline";
import { type Options, query, type SDKUserMessage } from "@anthropic-ai/claude-agent-sdk";
import { headersHelper } from "mcp-auth-runtime/hosts/claude-agent";

const url = process.env["CRM_URL"] ?? "";
const options: Options = {
  mcpServers: { crm: { type: "http", url, ...headersHelper("crm") } },
  mcpServersDelivery: "initialize",
  allowedTools: ["mcp__crm"],
};

const lines = createInterface({ input: process.stdin });
let questions: string[] = [];
lines.on("line", (question) => questions.push(question));
const session = new EventEmitter();

async function* messages(): AsyncGenerator<SDKUserMessage> {
  while (true) {
    if (questions.length === 0) await once(lines, "line");
    await new Promise(setImmediate);
    const content = questions.join("\n");
    questions = [];
    yield { type: "user", message: { role: "user", content }, parent_tool_use_id: null };
    await once(session, "answer");
  }
}

for await (const message of query({ prompt: messages(), options })) {
  if (message.type !== "result") continue;
  console.log(message.subtype === "success" ? message.result : message.subtype);
  session.emit("answer");
}
