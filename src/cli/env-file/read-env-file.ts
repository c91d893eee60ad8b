import { constants, createReadStream, fstat, open } from "node:fs";
import { Socket } from "node:net";
import { addAbortSignal, type Readable } from "node:stream";
import { promisify } from "node:util";
import { errorCode } from "../../errors/expected-errors.js";
import { decodeText } from "../../lib/decode-text.js";

/** 1 MiB. Variables are a few KiB, so a larger file is the wrong one. */
const maxBytes = 1_048_576;

/** Thrown if a file of variables cannot be read. The message is the reason, as a clause. */
export class UnreadableEnvFile extends Error {}

/**
 * Reads a file of variables: a regular file, or a pipe such as that of `<(sops -d secrets.env)`. The command behind a
 * pipe can take any time. The signal ends the wait, because the pipe is opened and read without blocking calls, which
 * an interrupt could not end. Rejects with `UnreadableEnvFile`.
 */
export async function readEnvFile(path: string, signal: AbortSignal): Promise<string> {
  try {
    // Windows does not have O_NONBLOCK.
    const fd = await promisify(open)(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const isPipe = (await promisify(fstat)(fd)).isFIFO();
    const stream = isPipe
      ? new Socket({ fd, readable: true, writable: false })
      : createReadStream(path, { fd });
    return await textOf(addAbortSignal(signal, stream));
  } catch (error) {
    if (error instanceof UnreadableEnvFile) throw error;
    const code = errorCode(error);
    if (code === undefined) throw error;
    throw new UnreadableEnvFile(reasons[code] ?? (/^[A-Z0-9]{2,20}$/.test(code) ? code : "unknown reason"));
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: "it does not exist",
  ENOTDIR: "it does not exist",
  EACCES: "this process may not read it",
  EISDIR: "it is a directory",
};

async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  // Leaving the loop closes the stream.
  for await (const chunk of stream) {
    // Chunks are buffers, because no encoding was set.
    const bytes = chunk as Buffer;
    size += bytes.byteLength;
    if (size > maxBytes) throw new UnreadableEnvFile("it is larger than 1 MiB");
    chunks.push(bytes);
  }
  return decoded(Buffer.concat(chunks));
}

function decoded(bytes: Buffer): string {
  const isUtf16 = /^(?:fffe|feff)/.test(bytes.subarray(0, 2).toString("hex"));
  if (isUtf16) {
    throw new UnreadableEnvFile("it is UTF-16, as PowerShell writes files with >. Save it as UTF-8");
  }
  const text = decodeText(bytes);
  if (text === undefined || text.includes("\0")) {
    throw new UnreadableEnvFile("it is not text in UTF-8");
  }
  return text;
}
