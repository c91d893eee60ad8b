import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { hasErrorCode } from "../lib/error-code.js";

/** What is being written has this ending until it is whole. */
export const unfinished = ".tmp";

/**
 * Writes a file so that whoever looks, whenever this process dies and also after the power has failed, finds the old
 * content or the new one, whole: beside it, synced, renamed, and the folder synced. Mode 0600.
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

/** Makes a folder and those above it, 0700, so that they are there after the power has failed: each stands in the one above. */
export async function makeFolderDurably(folder: string, sync = syncFolder): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (first !== undefined) await syncAbove(first, folder, sync);
}

/** Syncs what holds the folders from `first` down to `folder`, which were just made. */
async function syncAbove(first: string, folder: string, sync = syncFolder): Promise<void> {
  const last = dirname(first);
  let above = folder;
  do {
    above = dirname(above);
    try {
      await sync(above);
    } catch (error) {
      // What one may write to one need not be allowed to read.
      if (!hasErrorCode(error, "EACCES")) throw error;
    }
  } while (above.length > last.length);
}

async function syncFolder(folder: string): Promise<void> {
  // Windows has no such thing: there a rename is written through by the file system's journal.
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
