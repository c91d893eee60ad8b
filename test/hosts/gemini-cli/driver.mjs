// Starts `gemini --acp`, and asks it each line of stdin in a session that has nothing else to do.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const gemini = spawn("gemini", ["--acp"], { stdio: ["pipe", "pipe", "inherit"] });
gemini.once("exit", (code) => process.exit(code ?? 1));

let latestId = 0;
const requests = new Map();
const sessions = new Map();
const idle = [];

createInterface({ input: gemini.stdout }).on("line", (line) => {
  const { id, method, params, result, error } = JSON.parse(line);
  if (method === undefined) settle(id, result, error);
  else if (id !== undefined) send({ id, result: { outcome: allow(params.options) } });
  else if (params.update?.sessionUpdate === "agent_message_chunk")
    sessions.set(params.sessionId, `${sessions.get(params.sessionId) ?? ""}${params.update.content.text}`);
});
await request("initialize", { protocolVersion: 1, clientCapabilities: {} });
createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);

async function ask(question) {
  const session = idle.pop() ?? (await request("session/new", { cwd: process.cwd(), mcpServers: [] }));
  const { sessionId } = session;
  sessions.delete(sessionId);
  await request("session/prompt", { sessionId, prompt: [{ type: "text", text: question }] });
  idle.push(session);
  return sessions.get(sessionId);
}

/** Answers the question whether the tool may be called. */
function allow(options) {
  const { optionId } = options.find(({ kind }) => kind === "allow_once");
  return { outcome: "selected", optionId };
}

async function request(method, params) {
  latestId += 1;
  const id = latestId;
  return await new Promise((resolve, reject) => {
    requests.set(id, { resolve, reject });
    send({ id, method, params });
  });
}

function settle(id, result, error) {
  const { resolve, reject } = requests.get(id);
  requests.delete(id);
  if (error === undefined) resolve(result);
  else reject(new Error(JSON.stringify(error)));
}

function send(message) {
  gemini.stdin.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
}
