import type { BigIntStats } from "node:fs";

/** A file as it was read. What `stats` tells is true of this text: both come from one open descriptor. */
export interface FileContent {
  readonly text: string;
  readonly stats: BigIntStats;
}

export type ReadOutcome = FileContent | { readonly problem: "missing" | "irregular" | "too large" };

type Eventually<T> = T | Promise<T>;

/**
 * What a search asks the system, some thirty small things one after the other. `waitingDisk` lets others go on meanwhile, however
 * long the system takes; `blockingDisk` does not, and is for the start of a process, where nobody else is there yet: by way of
 * other threads the answers take several times as long. Both throw, or reject with, the errors of the system.
 */
export interface Disk {
  stat(path: string): Eventually<BigIntStats>;
  lstat(path: string): Eventually<BigIntStats>;
  readlink(path: string): Eventually<string>;
  realpath(path: string): Eventually<string>;
  /** Reads a regular file; waits for no pipe and reads from no device. A folder counts as missing. `limit` is in bytes. */
  read(path: string, limit?: number): Eventually<ReadOutcome>;
}

/** 16 MiB: more servers than a process can serve. */
export const longestConfig = 16 * 1024 * 1024;

/** Of what was opened, where it is not to be read. */
export function unreadable(stats: BigIntStats): ReadOutcome | undefined {
  if (stats.isDirectory()) return { problem: "missing" };
  return stats.isFile() ? undefined : { problem: "irregular" };
}

/** What opening failed with, where that tells what is there. */
export function openingProblem(error: unknown): ReadOutcome {
  // A socket.
  if (errnoOf(error) === "ENXIO") return { problem: "irregular" };
  throw error;
}

/** Whether there is a file, or a link, that the search would look at. It is not opened. */
export async function isThere(file: string, disk: Disk): Promise<boolean> {
  try {
    return !(await disk.lstat(file)).isDirectory();
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
