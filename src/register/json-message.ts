import { isJson } from "../net/media-type.js";

/** Bytes; MCP messages are shorter. */
const longestMessage = 1_048_576;

/**
 * The JSON in the body of a `Request`, which other wrappers of `fetch` make of every call. As a stream it could not be sent again
 * after a 401. What is longer, or is not JSON, stays a stream: `undefined`.
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
    if (size <= longestMessage) continue;
    reader.cancel().catch(() => {});
    return undefined;
  }
  return Buffer.concat(chunks);
}
