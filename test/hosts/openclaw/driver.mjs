// Runs the gateway, and asks its agent each line of stdin through its API for OpenAI clients, which runs a normal turn.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";

const { GATEWAY_PORT: port, GATEWAY_TOKEN: token, GATEWAY_READY: ready } = process.env;

/** The gateway exits with this code if a step on startup took longer than its limit, on a busy machine for example. */
const notStarted = 78;
const maxStarts = 5;

const started = startGateway(maxStarts);

/** Resolves when the gateway has printed all that `GATEWAY_READY` names. */
async function startGateway(starts) {
  const gateway = spawn("openclaw", ["gateway", "run"], { stdio: ["ignore", "pipe", "pipe"] });
  const isReady = Promise.withResolvers();
  gateway.once("exit", (code) => {
    if (code === notStarted && starts > 1) isReady.resolve(startGateway(starts - 1));
    else process.exit(code ?? 1);
  });
  let printed = "";
  for (const stream of [gateway.stdout, gateway.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      process.stderr.write(text);
      printed += text;
      if (ready.split("|").every((part) => printed.includes(part))) isReady.resolve();
    });
  }
  await isReady.promise;
}

/** The sessions that answer no question now. A session answers one at a time. */
const free = Array.from({ length: 10 }, (_, index) => `session-${index}`);

createInterface({ input: process.stdin }).on("line", async (question) => {
  await started;
  const session = free.shift();
  try {
    console.log(await ask(session, question));
  } catch (error) {
    console.error(`FAILED ${question}: ${error.message}`);
  } finally {
    // The next question goes to the same session.
    free.unshift(session);
  }
});

async function ask(session, question) {
  const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({
      model: "openclaw",
      user: session,
      messages: [{ role: "user", content: question }],
    }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(text);
  return JSON.parse(text).choices[0].message.content;
}
