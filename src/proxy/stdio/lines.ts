import { Buffer } from "node:buffer";
import type { Readable } from "node:stream";

/** A line without its end, or why it cannot be used. */
export type Line =
  | { readonly text: string; readonly problem?: undefined }
  | { readonly problem: "too_long" | "not_utf8" };

const lineFeed = 0x0a;

/**
 * Reads lines from a stream, for as long as the caller asks for more. Skips empty ones. Memory stays bounded: the rest
 * of a line that is longer than `maxBytes` is thrown away. The last line needs no line feed. Throws the errors of the
 * stream.
 */
export async function* readLines(input: Readable, maxBytes: number): AsyncGenerator<Line, void, undefined> {
  const pending = new PendingLine(maxBytes);
  for await (const chunk of input) {
    // A stream with an encoding has strings.
    const bytes: Buffer = typeof chunk === "string" ? Buffer.from(chunk) : chunk;
    let start = 0;
    for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, start)) {
      pending.add(bytes.subarray(start, end));
      start = end + 1;
      const line = pending.take();
      if (line !== undefined) yield line;
    }
    pending.add(bytes.subarray(start));
  }
  const last = pending.take();
  if (last !== undefined) yield last;
}

/** The beginning of a line whose end has not arrived yet. */
class PendingLine {
  readonly #maxBytes: number;
  // Joined once: joining at each chunk would copy a long line again and again.
  #pieces: Buffer[] = [];
  #length = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  add(piece: Buffer): void {
    this.#length += piece.length;
    if (this.#length > this.#maxBytes) this.#pieces = [];
    // Small pieces of one large chunk would keep all of it in memory.
    else if (piece.length > 0) this.#pieces.push(Buffer.from(piece));
  }

  /** Returns the line and begins the next one; `undefined` for an empty line. */
  take(): Line | undefined {
    const isTooLong = this.#length > this.#maxBytes;
    const bytes = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#length = 0;
    if (isTooLong) return { problem: "too_long" };
    const text = decode(bytes);
    if (text === undefined) return { problem: "not_utf8" };
    return text.trim() === "" ? undefined : { text };
  }
}

function decode(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    // `TextDecoder` throws only for bytes that are not UTF-8.
    return undefined;
  }
}
