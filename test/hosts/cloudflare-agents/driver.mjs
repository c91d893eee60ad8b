// Runs the worker in workerd, as `wrangler dev` does, and asks its agent the questions.
import { createInterface } from "node:readline";
import { unstable_startWorker } from "wrangler";

const variables = ["CRM_URL", "CRM_ISSUER", "CRM_SECRET", "OPENAI_API_KEY", "OPENAI_BASE_URL"];
const worker = await unstable_startWorker({
  config: "wrangler.jsonc",
  bindings: Object.fromEntries(
    variables.map((name) => [name, { type: "plain_text", value: process.env[name] ?? "" }]),
  ),
  build: { nodejsCompatMode: "v2" },
  dev: { server: { port: 0 }, inspector: false, watch: false, liveReload: false, persist: false },
});
await worker.ready;

async function ask(question) {
  const response = await worker.fetch("http://localhost/", { method: "POST", body: question });
  return await response.text();
}
createInterface({ input: process.stdin }).on("line", (line) => ask(line).then(console.log, console.error));
