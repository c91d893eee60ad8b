import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { hasErrorCode } from "../lib/error-code.js";

/** The ending of a file that is not written completely yet. */
export const unfinished = ".tmp";

/**
 * Writes a file with mode 0600. Even if this process dies or the power fails, a reader finds either the old content or
 * the new one, complete. For that, it writes a file beside it, syncs and renames that file, and syncs the folder.
 */
export async function writeDurably(file: string, text: string): Promise<void> {
  const beside = `${file}.${randomUUID()}${unfinished}`;
  try {
    const handle = await open(beside, "wx", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
  await syncFolder(dirname(file));
}

/** Creates a folder and its parents with mode 0700, so that they still exist after the power has failed. */
export async function makeFolderDurably(folder: string, sync = syncFolder): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first !== undefined) await syncAbove(first, folder, sync);
}

/** Syncs the parents of the folders from `first` down to `folder`, which were just created. */
async function syncAbove(first: string, folder: string, sync = syncFolder): Promise<void> {
  const last = dirname(first);
  let above = folder;
  do {
    above = dirname(above);
    try {
      await sync(above);
    } catch (error) {
      // A folder that the process may write to may still not be readable.
      if (!hasErrorCode(error, "EACCES")) throw error;
    }
  } while (above.length > last.length);
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot sync a folder. There, the journal of the file system keeps a rename.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
