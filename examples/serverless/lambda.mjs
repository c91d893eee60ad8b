// AWS Lambda with a function URL, or behind an HTTP API: `lambda.handler`.
import { ask } from "./crm.mjs";

export async function handler({ body = "", isBase64Encoded = false }) {
  const text = Buffer.from(body, isBase64Encoded ? "base64" : "utf8").toString();
  return { statusCode: 200, headers: { "content-type": "text/plain" }, body: await ask(text) };
}
