// Starts `codex app-server`, and asks it each line of stdin in a thread that has nothing else to do.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const codex = spawn("codex", ["app-server"], { stdio: ["pipe", "pipe", "inherit"] });
codex.once("exit", (code) => process.exit(code ?? 1));

let latestId = 0;
const requests = new Map();
const threads = new Map();
const idle = [];

createInterface({ input: codex.stdout }).on("line", (line) => {
  const { id, method, params, result, error } = JSON.parse(line);
  if (method === undefined) settle(id, result, error);
  // Codex asks whether it may call the tool.
  else if (id !== undefined) send({ id, result: { action: "accept", content: {} } });
  else notified(method, params);
});
await request("initialize", { clientInfo: { name: "driver", version: "1.0.0" }, capabilities: null });
send({ method: "initialized" });
createInterface({ input: process.stdin }).on("line", (question) =>
  ask(question).then(console.log, console.error),
);

async function ask(question) {
  const thread = idle.pop() ?? (await startThread());
  const answered = new Promise((resolve) => {
    thread.answer = resolve;
  });
  await request("turn/start", {
    threadId: thread.id,
    input: [{ type: "text", text: question, text_elements: [] }],
  });
  const answer = await answered;
  idle.push(thread);
  return answer;
}

async function startThread() {
  const { thread } = await request("thread/start", { cwd: process.cwd(), ephemeral: true });
  // The first turn would not wait for the tools.
  await threadOf(thread.id).isReady;
  return threadOf(thread.id);
}

/** Notifications of a thread may come before the response that names it. */
function threadOf(id) {
  if (!threads.has(id)) {
    const thread = { id };
    thread.isReady = new Promise((resolve) => {
      thread.ready = resolve;
    });
    threads.set(id, thread);
  }
  return threads.get(id);
}

function notified(method, params) {
  const thread = threadOf(params?.threadId);
  if (method === "item/completed" && params.item.type === "agentMessage") thread.text = params.item.text;
  else if (method === "turn/completed") thread.answer(thread.text ?? JSON.stringify(params.turn.error));
  else if (method === "mcpServer/startupStatus/updated" && params.status !== "starting") thread.ready();
  if (params?.error) console.error(`${method}: ${JSON.stringify(params)}`);
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
  else reject(new Error(error.message));
}

function send(message) {
  codex.stdin.write(`${JSON.stringify(message)}\n`);
}
