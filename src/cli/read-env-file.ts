import { constants, createReadStream, fstat, open } from "node:fs";
import { Socket } from "node:net";
import { addAbortSignal, type Readable } from "node:stream";
import { promisify } from "node:util";

/** 1 MiB: variables are a few KiB, so more is a mistake in the path. */
const maxBytes = 1_048_576;

/** Why a file of variables cannot be read, as the end of a sentence. */
export class UnreadableEnvFile extends Error {}

/**
 * The text of a file of variables: a regular file, or a pipe, as that of `<(sops -d secrets.env)`. The command behind a pipe
 * may take any time, which ends with the signal: a pipe is neither opened nor read with a call of the system that blocks,
 * since no interrupt would end that. Rejects with `UnreadableEnvFile`.
 */
export async function readEnvFile(path: string, signal: AbortSignal): Promise<string> {
  try {
    // Windows has no such flag.
    const fd = await promisify(open)(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const isPipe = (await promisify(fstat)(fd)).isFIFO();
    const stream = isPipe
      ? new Socket({ fd, readable: true, writable: false })
      : createReadStream(path, { fd });
    return await textOf(addAbortSignal(signal, stream));
  } catch (error) {
    if (error instanceof UnreadableEnvFile) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
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
  // Leaving the loop closes it.
  for await (const chunk of stream) {
    // No encoding was set.
    const bytes = chunk as Buffer;
    size += bytes.byteLength;
    if (size > maxBytes) throw new UnreadableEnvFile("it is larger than 1 MiB");
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString("utf8");
}
