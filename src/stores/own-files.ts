// The file store reads and removes files only through these functions. They touch only files and folders of the user of
// this process, and never follow a symbolic link.
import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, rm, rmdir } from "node:fs/promises";
import { hasErrorCode, ignoreSystemError } from "../errors/expected-errors.js";
import { openToRead, readAtMost } from "../lib/read-file.js";
import { NotOurs } from "./failure.js";
import { longestValue } from "./store.js";

// Enough for a value with its first line. A longer file is cut here, and is still too long to be decrypted.
const maxBytes = longestValue + 100;

// Windows does not have this flag.
const noFollow = constants.O_NOFOLLOW ?? 0;

/**
 * Returns whether a file belongs to the user of this process. There is no exception for root: another user could not
 * read what root writes. On Windows, every file counts as ours.
 */
export function isOurs({ uid }: Pick<Stats, "uid">, user = process.geteuid?.()): boolean {
  return user === undefined || uid === user;
}

/**
 * Returns the text of a file; `undefined` if it is gone or is not a regular file. Rejects with `NotOurs` if it belongs
 * to another user.
 */
export async function readOwnFile(file: string): Promise<string | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await openToRead(file, noFollow);
    const found = await handle.stat();
    if (!found.isFile()) return undefined;
    if (!isOurs(found)) throw new NotOurs("a file in it belongs to another user");
    return (await readAtMost(handle, maxBytes)).toString("utf8");
  } catch (error) {
    // ENOENT: it is gone. ELOOP, and EMLINK on FreeBSD: it is a link. ENXIO: it is a socket.
    if (hasErrorCode(error, "ENOENT", "ELOOP", "EMLINK", "ENXIO")) return undefined;
    throw error;
  } finally {
    await handle?.close().catch(ignoreSystemError);
  }
}

/** Ignores an error of the file system, and a file of another user. Throws any other error again. */
export function ignoreFileError(error: unknown): void {
  if (!(error instanceof NotOurs)) ignoreSystemError(error);
}

/** Removes a file if it is a regular file of ours. */
export async function removeOwnFile(file: string): Promise<void> {
  if ((await ownStats(file))?.isFile() === true) await rm(file, { force: true });
}

/** Removes a folder if it is ours. Rejects if it is not empty. */
export async function removeOwnFolder(folder: string): Promise<void> {
  if ((await ownStats(folder))?.isDirectory() === true) await rmdir(folder);
}

/** Returns what `lstat` returns; `undefined` if nothing is there or it belongs to another user. */
async function ownStats(path: string): Promise<Stats | undefined> {
  try {
    const found = await lstat(path);
    return isOurs(found) ? found : undefined;
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
