import { isJson } from "../net/response-headers.js";

/** In bytes. MCP messages are shorter. */
const maxMessageBytes = 1_048_576;

/**
 * Returns the JSON body of a `Request`. The body of a `Request` is a stream, which could not be sent again after a 401,
 * and some wrappers of `fetch` turn every call into a `Request`. Returns `undefined` for a body that is too long or not
 * JSON.
 */
export async function jsonMessage(request: Request): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (request.body === null || request.bodyUsed || !isJson(request.headers.get("content-type")))
    return undefined;
  const reader = request.clone().body?.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.byteLength;
    if (size <= maxMessageBytes) continue;
    reader.cancel().catch(() => {});
    return undefined;
  }
  return Buffer.concat(chunks);
}
