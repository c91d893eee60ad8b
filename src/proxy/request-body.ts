import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";

/** Bytes of the largest body that is kept, so that it can be sent again with another token. */
export const replayLimit = 4 * 1_048_576;

export type RequestBody =
  | { readonly kind: "none" }
  /** The whole body. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  /** A larger one, which can be read once. `length` is its `Content-Length`, if it has one. */
  | { readonly kind: "stream"; readonly stream: Readable; readonly length: string | undefined };

/**
 * Reads the body of a request, up to the limit. Resolves with a stream for a larger one. Rejects if the client hangs up
 * before it has sent the body.
 */
export async function readBody(request: IncomingMessage): Promise<RequestBody> {
  const { headers, method } = request;
  const length = headers["content-length"];
  const hasBody = headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
  // `fetch` sends no body with these methods either.
  if (!hasBody || method === "GET" || method === "HEAD") return { kind: "none" };
  if (Number(length ?? 0) > replayLimit) return { kind: "stream", stream: request, length };
  return await readUpToLimit(request, length);
}

function readUpToLimit(request: IncomingMessage, length: string | undefined): Promise<RequestBody> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (body: RequestBody | undefined): void => {
      request.off("data", onData).off("end", onEnd).off("close", onClose).off("error", onClose);
      if (body === undefined) reject(new Error("The client has hung up."));
      else resolve(body);
    };
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= replayLimit) return;
      request.pause();
      settle({ kind: "stream", stream: Readable.from(continued(chunks, request)), length });
    };
    const onEnd = (): void => settle({ kind: "bytes", bytes: joined(chunks) });
    const onClose = (): void => settle(undefined);
    request.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
  });
}

function joined(chunks: readonly Buffer[]): Uint8Array {
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
}

/** Yields what was read of a stream, then the rest of it. */
async function* continued(chunks: readonly Buffer[], rest: Readable): AsyncGenerator<Buffer> {
  yield* chunks;
  yield* rest;
}
