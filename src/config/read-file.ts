import { type BigIntStats, closeSync, constants, fstatSync, lstatSync, openSync, readSync } from "node:fs";

// A config is looked for in a dozen small steps before anything else can go on. Each of them takes the system some
// microseconds, and would take twenty times as long by way of another thread; a start would also wait for the threads.

/** 16 MiB: more servers than a process can serve. */
const maxBytes = 16 * 1024 * 1024;

/** A file as it was read. What `stats` tells is true of this text: both come from one open descriptor. */
export interface FileContent {
  readonly text: string;
  readonly stats: BigIntStats;
}

export type ReadOutcome = FileContent | { readonly problem: "missing" | "irregular" | "too large" };

/**
 * Reads a regular file; waits for no pipe and reads from no device. A folder counts as missing. Throws the error of the
 * system.
 */
export function readRegularFile(path: string, limit = maxBytes): ReadOutcome {
  let file: number | undefined;
  try {
    // Without O_NONBLOCK, which Windows does not have, a FIFO would be waited for.
    file = openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = fstatSync(file, { bigint: true });
    if (stats.isDirectory()) return { problem: "missing" };
    if (!stats.isFile()) return { problem: "irregular" };
    const bytes = stats.size > limit ? undefined : readUpTo(file, limit + 1, Number(stats.size) + 1);
    if (bytes === undefined || bytes.length > limit) return { problem: "too large" };
    return { text: bytes.toString("utf8"), stats };
  } catch (error) {
    // What opening a socket gives.
    if (errnoOf(error) === "ENXIO") return { problem: "irregular" };
    throw error;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Reads on until the end or the limit: the size that `stat` tells is 0 for files that a kernel makes up. */
function readUpTo(file: number, limit: number, expected: number): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  for (let size = expected; total < limit; size = 65_536) {
    const chunk = Buffer.alloc(Math.min(size, limit - total));
    const count = readSync(file, chunk, 0, chunk.length, null);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    total += count;
  }
  return Buffer.concat(chunks);
}

/** Whether there is a file, or a link, that the search would look at. It is not opened. */
export function isThere(file: string): boolean {
  try {
    return lstatSync(file)?.isDirectory() === false;
  } catch {
    return false;
  }
}

/** The name that the system has for an error, such as `EACCES`; `undefined` for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  const code = String(error.code);
  return /^E[A-Z0-9]{1,30}$/.test(code) ? code : undefined;
}

/** What it returns; `undefined` where the system refuses it. */
export function attempt<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
