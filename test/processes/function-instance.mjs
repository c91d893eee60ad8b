// An instance of a function, as a platform for functions runs it: it loads the module once, and then calls its handler
// for each invocation that the parent process sends.
import { pathToFileURL } from "node:url";

const [, , file] = process.argv;
const { handler, default: worker } = await import(pathToFileURL(file));

const { now } = Date;
let offset = 0;
Date.now = () => now() + offset;

/** Calls the handler in the form that its platform uses, and returns the text of the answer. */
async function invoke(text) {
  if (handler === undefined) {
    const request = new Request("https://function.example/", { method: "POST", body: text });
    const response = await worker.fetch(request);
    if (!response.ok) throw new Error(`status ${response.status}`);
    return await response.text();
  }
  // As AWS Lambda does for a body that it does not know to be text.
  const event = { version: "2.0", body: Buffer.from(text).toString("base64"), isBase64Encoded: true };
  const { statusCode, body } = await handler(event);
  if (statusCode !== 200) throw new Error(`status ${statusCode}`);
  return body;
}

process.on("message", async ({ text, later = 0 }) => {
  offset += later;
  const answer = await invoke(text).catch((error) => `FAILED ${error.message}`);
  process.send(answer);
});
process.send("loaded");
