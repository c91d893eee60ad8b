import { isJson } from "../net/media-type.js";

/** Bytes. MCP messages are shorter. */
const longestMessage = 1_048_576;

/**
 * Returns the JSON body of a `Request`, so that it can be sent again after a 401, which a stream cannot. Some wrappers of `fetch`
 * turn every call into a `Request`. Returns `undefined` for a body that is longer or not JSON; it stays a stream.
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
