// Everything that the file store reads or removes goes through here: files and folders that belong to the user of this
// process, never through a symbolic link.
import { constants, type Stats } from "node:fs";
import { type FileHandle, lstat, rm, rmdir } from "node:fs/promises";
import { hasErrorCode } from "../lib/error-code.js";
import { openToRead, readAtMost } from "../lib/read-file.js";
import { NotOurs } from "./failure.js";
import { longestValue } from "./store.js";

// A value and its heading. A longer one is cut, and is still too long to open.
const mostBytes = longestValue + 100;

// Windows has no such flag.
const followNoLink = constants.O_NOFOLLOW ?? 0;

/** Root has no exception: what it wrote for another user, that user could not read. Windows knows no such owners. */
export function isOurs({ uid }: Pick<Stats, "uid">, user = process.geteuid?.()): boolean {
  return user === undefined || uid === user;
}

/**
 * The text of a file; `undefined` for one that is gone, and for what is no regular file. Rejects with `NotOurs` when it
 * belongs to another user.
 */
export async function readOwnFile(file: string): Promise<string | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await openToRead(file, followNoLink);
    const found = await handle.stat();
    if (!found.isFile()) return undefined;
    if (!isOurs(found)) throw new NotOurs("a file in it belongs to another user");
    return (await readAtMost(handle, mostBytes)).toString("utf8");
  } catch (error) {
    // Gone; a link (EMLINK on FreeBSD); a socket.
    if (hasErrorCode(error, "ENOENT", "ELOOP", "EMLINK", "ENXIO")) return undefined;
    throw error;
  } finally {
    await handle?.close().catch(() => {});
  }
}

/** Removes a regular file of ours. What is something else by now stays, as does what is gone. */
export async function removeOwnFile(file: string): Promise<void> {
  if ((await lookAt(file))?.isFile() === true) await rm(file, { force: true });
}

/** Removes an empty folder of ours. Rejects when there is something in it. */
export async function removeOwnFolder(folder: string): Promise<void> {
  if ((await lookAt(folder))?.isDirectory() === true) await rmdir(folder);
}

/** What is there itself, not what it links to; `undefined` for nothing, and for what belongs to another user. */
async function lookAt(path: string): Promise<Stats | undefined> {
  try {
    const found = await lstat(path);
    return isOurs(found) ? found : undefined;
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return undefined;
    throw error;
  }
}
