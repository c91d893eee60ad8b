import type { BigIntStats } from "node:fs";
import { type FileHandle, lstat } from "node:fs/promises";
import { openToRead } from "../lib/open-to-read.js";
import { readAtMost } from "../lib/read-at-most.js";

/** 16 MiB: more servers than a process can serve. */
const maxBytes = 16 * 1024 * 1024;

/** A file as it was read. What `stats` tells is true of this text: both come from one open descriptor. */
export interface FileContent {
  readonly text: string;
  readonly stats: BigIntStats;
}

export type ReadOutcome = FileContent | { readonly problem: "missing" | "irregular" | "too large" };

/**
 * Reads a regular file; waits for no pipe and reads from no device. A folder counts as missing. Rejects with the error of
 * the system.
 */
export async function readRegularFile(path: string, limit = maxBytes): Promise<ReadOutcome> {
  let file: FileHandle | undefined;
  try {
    file = await openToRead(path);
    const stats = await file.stat({ bigint: true });
    if (stats.isDirectory()) return { problem: "missing" };
    if (!stats.isFile()) return { problem: "irregular" };
    const bytes = stats.size > limit ? undefined : await readAtMost(file, limit + 1);
    if (bytes === undefined || bytes.length > limit) return { problem: "too large" };
    return { text: bytes.toString("utf8"), stats };
  } catch (error) {
    // What opening a socket gives.
    if (errnoOf(error) === "ENXIO") return { problem: "irregular" };
    throw error;
  } finally {
    await file?.close();
  }
}

/** Whether there is a file, or a link, that the search would look at. It is not opened. */
export async function isThere(file: string): Promise<boolean> {
  return lstat(file).then(
    (stats) => !stats.isDirectory(),
    () => false,
  );
}

/** The name that the system has for an error, such as `EACCES`; `undefined` for any other error. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  const code = String(error.code);
  return /^E[A-Z0-9]{1,30}$/.test(code) ? code : undefined;
}
