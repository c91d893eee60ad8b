import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";

/** 16 MiB: more servers than a process can serve. */
const maxBytes = 16 * 1024 * 1024;

/** A file as it was read. What `stats` tells is true of this text: both come from one open descriptor. */
export interface FileContent {
  readonly text: string;
  readonly stats: BigIntStats;
}

export type ReadOutcome = FileContent | { readonly problem: "missing" | "irregular" | "too large" };

/**
 * Reads a regular file of at most 16 MiB; waits for no pipe and reads from no device. A folder counts as missing. Rejects
 * with the error of the system where the file is there and cannot be read.
 */
export async function readRegularFile(path: string): Promise<ReadOutcome> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK, opening a FIFO waits until somebody writes to it. Windows has no such flag.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = await file.stat({ bigint: true });
    if (stats.isDirectory()) return { problem: "missing" };
    if (!stats.isFile()) return { problem: "irregular" };
    const bytes = stats.size > maxBytes ? undefined : await readAtMost(file, maxBytes + 1);
    if (bytes === undefined || bytes.length > maxBytes) return { problem: "too large" };
    return { text: bytes.toString("utf8"), stats };
  } catch (error) {
    const code = errnoOf(error);
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return { problem: "missing" };
    // What opening a socket gives.
    if (code === "ENXIO") return { problem: "irregular" };
    throw error;
  } finally {
    await file?.close();
  }
}

/** To the end, or to the limit where the file has grown since its size was looked at. */
async function readAtMost(file: FileHandle, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let total = 0;
  while (total < limit) {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(Math.min(65_536, limit - total)), 0);
    if (bytesRead === 0) break;
    chunks.push(buffer.subarray(0, bytesRead));
    total += bytesRead;
  }
  return Buffer.concat(chunks);
}

/** The name that the system has for an error, such as `EACCES`; `undefined` for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  const code = String(error.code);
  return /^E[A-Z0-9]{1,30}$/.test(code) ? code : undefined;
}
