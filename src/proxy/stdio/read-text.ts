import { onAbort } from "../../lib/abort-signal.js";

/**
 * Reads the body of a response as text. Returns `undefined` for a body that is longer than `maxLength` characters, or
 * that breaks off. Never rejects.
 */
export async function readText(
  response: Response,
  maxLength: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const decoder = new TextDecoder();
  const pieces: string[] = [];
  let length = 0;
  for await (const bytes of chunksOf(response, signal)) {
    if (bytes === "broken") return undefined;
    const piece = decoder.decode(bytes, { stream: true });
    length += piece.length;
    if (length > maxLength) return undefined;
    pieces.push(piece);
  }
  return pieces.join("") + decoder.decode();
}

/**
 * Reads the body of a response, one chunk whenever the caller asks for the next, so that a slow caller slows the server
 * down. Ends with `broken` if the connection breaks off. Frees the connection when the caller stops early, and when
 * `signal` is aborted.
 */
export async function* chunksOf(
  { body }: Response,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array | "broken", void, undefined> {
  if (body === null) return;
  const reader = body.getReader();
  const next = () => reader.read().catch(() => "broken" as const);
  // The errors of a body that nobody reads any more do not matter.
  const close = () => void reader.cancel().catch(() => {});
  // The `fetch` of Node 20 forgets the signal when the garbage collector runs (nodejs/undici#4627).
  const stopListening = onAbort(signal, close);
  try {
    for (;;) {
      const chunk = await next();
      if (chunk === "broken" || signal.aborted) {
        yield "broken";
        return;
      }
      if (chunk.done) return;
      yield chunk.value;
    }
  } finally {
    stopListening();
    close();
  }
}
