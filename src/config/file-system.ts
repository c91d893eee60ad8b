import type { BigIntStats } from "node:fs";
import { systemErrorCode } from "../errors/expected-errors.js";

/** The text of a file and its stats, both from one open descriptor: the stats belong to the file that was read. */
export interface FileContent {
  readonly text: string;
  readonly stats: BigIntStats;
}

export type ReadOutcome = FileContent | { readonly problem: "missing" | "irregular" | "too large" };

type MaybePromise<T> = T | Promise<T>;

/**
 * The calls that a search for the config makes, about thirty small ones in sequence. `asyncFileSystem` lets other code
 * run in the meantime. `syncFileSystem` blocks, but is several times faster: use it on startup, before other code runs.
 * Both throw or reject with the errors of `node:fs`.
 */
export interface FileSystem {
  stat(path: string): MaybePromise<BigIntStats>;
  lstat(path: string): MaybePromise<BigIntStats>;
  readlink(path: string): MaybePromise<string>;
  realpath(path: string): MaybePromise<string>;
  /** Reads a regular file of at most `limit` bytes. It never blocks on a pipe or device. A folder counts as missing. */
  read(path: string, limit?: number): MaybePromise<ReadOutcome>;
}

/** 16 MiB, enough for more servers than a process can serve. */
export const maxConfigBytes = 16 * 1024 * 1024;

/** Returns why an opened file is not read, or `undefined` for a regular file. */
export function problemOfType(stats: BigIntStats): ReadOutcome | undefined {
  if (stats.isDirectory()) return { problem: "missing" };
  return stats.isFile() ? undefined : { problem: "irregular" };
}

/** Returns the outcome for an error of `open` that says what kind of file it is, and throws any other error. */
export function outcomeOfOpenError(error: unknown): ReadOutcome {
  // Opening a socket fails with ENXIO.
  if (systemErrorCode(error) === "ENXIO") return { problem: "irregular" };
  throw error;
}

/** Whether a path is a file or a link. Does not open it. A path that cannot be examined counts as absent. */
export async function fileExists(file: string, fs: FileSystem): Promise<boolean> {
  const stats = await ifExaminable(() => fs.lstat(file));
  return stats !== undefined && !stats.isDirectory();
}

/** Runs `call` and returns `undefined` if it fails with an error of the file system. Throws any other error. */
export async function ifExaminable<T>(call: () => MaybePromise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return undefined;
  }
}
