// A model on loopback, for hosts with an agent loop. It follows a script (model/script.mjs) in the protocol that a host
// speaks. It has no state.
import { once } from "node:events";
import { createServer } from "node:http";
import { anthropic } from "./model/anthropic.mjs";
import { gemini } from "./model/gemini.mjs";
import { openaiChat } from "./model/openai-chat.mjs";
import { openaiResponses } from "./model/openai-responses.mjs";
import { nextStep } from "./model/script.mjs";

const protocols = [openaiChat, openaiResponses, anthropic, gemini];

/** The name of the model, for hosts that ask which there are. */
const modelName = "scripted";

/** @returns {Promise<{ url: string, close(): Promise<void> }>} */
export async function startModel() {
  const server = createServer((request, response) => {
    answer(request, response).catch((error) => {
      console.error(`The model failed at ${request.method} ${request.url}: ${error.stack}`);
      response.headersSent ? response.destroy() : response.writeHead(500).end();
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(request, response) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const { pathname } = new URL(request.url, "http://localhost");
  const protocol = request.method === "POST" && protocols.find(({ path }) => path.test(pathname));
  if (!protocol) return answerOther(request.method, pathname, response);

  const body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  const step = nextStep(protocol.read(body));
  if (!protocol.isStreaming(body, pathname)) return sendJson(response, protocol.answer(step, body));
  response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-cache" });
  for (const { event, data } of protocol.events(step, body)) {
    if (event !== undefined) response.write(`event: ${event}\n`);
    response.write(`data: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`);
  }
  response.end();
}

/** Answers what some hosts request besides. */
function answerOther(method, path, response) {
  if (method === "GET" && path.endsWith("/models")) {
    const model = { id: modelName, object: "model", owned_by: "test", name: `models/${modelName}` };
    return sendJson(response, { object: "list", data: [model], models: [model] });
  }
  if (path.endsWith("/embeddings")) return sendJson(response, embeddings);
  if (path.endsWith("/count_tokens")) return sendJson(response, { input_tokens: 1 });
  if (path.endsWith(":countTokens")) return sendJson(response, { totalTokens: 1 });
  return sendJson(
    response,
    { error: { message: `${method} ${path} is not in the script`, type: "not_found" } },
    404,
  );
}

/** Of the length that OpenAI's smallest model returns. */
const embeddings = {
  object: "list",
  model: modelName,
  data: [{ object: "embedding", index: 0, embedding: [1, ...Array(1535).fill(0)] }],
  usage: { prompt_tokens: 1, total_tokens: 1 },
};

function sendJson(response, value, status = 200) {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
}
