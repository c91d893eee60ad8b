import type { EventEmitter } from "node:events";
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
 * Reads the body of a request, up to the limit. Resolves with a stream for a larger one, and with `undefined` if the
 * client hangs up, or `hangUp` emits `abort`, before the body is read.
 */
export async function readBody(
  request: IncomingMessage,
  hangUp: EventEmitter<{ abort: [] }>,
): Promise<RequestBody | undefined> {
  const { headers, method } = request;
  const length = headers["content-length"];
  const hasBody = headers["transfer-encoding"] !== undefined || (length !== undefined && length !== "0");
  // `fetch` sends no body with these methods either.
  if (!hasBody || method === "GET" || method === "HEAD") return { kind: "none" };
  if (Number(length ?? 0) > replayLimit) return { kind: "stream", stream: streamOf([], request), length };
  return await readUpToLimit(request, length, hangUp);
}

function readUpToLimit(
  request: IncomingMessage,
  length: string | undefined,
  hangUp: EventEmitter<{ abort: [] }>,
): Promise<RequestBody | undefined> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const settle = (body: RequestBody | undefined): void => {
      request.off("data", onData).off("end", onEnd).off("close", onClose).off("error", onClose);
      hangUp.off("abort", onClose);
      resolve(body);
    };
    const onData = (chunk: Buffer): void => {
      chunks.push(chunk);
      size += chunk.length;
      if (size <= replayLimit) return;
      request.pause();
      settle({ kind: "stream", stream: streamOf(chunks, request), length });
    };
    const onEnd = (): void => settle({ kind: "bytes", bytes: joined(chunks) });
    const onClose = (): void => settle(undefined);
    request.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
    hangUp.on("abort", onClose);
  });
}

function joined(chunks: readonly Buffer[]): Uint8Array {
  const [first] = chunks;
  return first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks);
}

/**
 * Returns a stream of what was read of a request and of the rest of it. The one who sends the stream destroys it as soon
 * as the body is no longer needed. For the request itself, that would close the connection to the client, which is to
 * get a response, so the rest of the body is read and dropped.
 */
function streamOf(chunks: readonly Buffer[], request: IncomingMessage): Readable {
  const onData = (chunk: Buffer): void => {
    if (!stream.push(chunk)) request.pause();
  };
  const onEnd = (): void => {
    stream.push(null);
  };
  const onClose = (): void => {
    if (!request.readableEnded) stream.destroy(new Error("The client has hung up."));
  };
  const stream = new Readable({
    read: () => void request.resume(),
    destroy(error, done) {
      request.off("data", onData).off("end", onEnd).resume();
      done(error);
    },
  });
  // A client may hang up before anything reads the stream, or after it is no longer read.
  stream.on("error", () => {});
  request.pause();
  for (const chunk of chunks) stream.push(chunk);
  request.on("data", onData).on("end", onEnd).on("close", onClose).on("error", onClose);
  if (request.destroyed) onClose();
  return stream;
}
