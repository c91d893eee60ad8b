import { randomUUID } from "node:crypto";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { hasErrorCode } from "../errors/expected-errors.js";

/** Suffix of the name of a file that is not completely written yet. */
export const temporarySuffix = ".tmp";

/**
 * Writes a file with mode 0600. Even if this process dies or the power fails, a reader finds either the complete old
 * content or the complete new one: the text goes to a temporary file, which is synced and renamed.
 */
export async function writeDurably(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}${temporarySuffix}`;
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await replace(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await syncFolder(dirname(file));
}

const isWindows = process.platform === "win32";

/**
 * Milliseconds between attempts to replace a file on Windows. While another process has the file open, such as a virus
 * scanner or a reader of the store, the system refuses that.
 */
const pausesOnWindows = [5, 10, 20, 40, 80, 160, 320];

interface ReplaceParts {
  readonly move?: (from: string, to: string) => Promise<void>;
  /** Milliseconds before each further attempt. */
  readonly pauses?: readonly number[];
  readonly sleep?: (milliseconds: number) => Promise<unknown>;
}

/** Renames a file to the name of another one, which it replaces. */
export async function replace(
  from: string,
  to: string,
  { move = rename, pauses = isWindows ? pausesOnWindows : [], sleep = wait }: ReplaceParts = {},
): Promise<void> {
  for (const pause of pauses) {
    try {
      return await move(from, to);
    } catch (error) {
      if (!hasErrorCode(error, "EPERM", "EACCES", "EBUSY")) throw error;
      await sleep(pause);
    }
  }
  await move(from, to);
}

/** Creates a folder and its parents with mode 0700, so that they still exist after the power has failed. */
export async function makeFolderDurably(folder: string, sync = syncFolder): Promise<void> {
  const topmost = await mkdir(folder, { recursive: true, mode: 0o700 });
  if (topmost !== undefined) await syncParents(topmost, folder, sync);
}

/** Syncs the parent of each folder from `folder` up to `topmost`, because all of them were just created. */
async function syncParents(topmost: string, folder: string, sync = syncFolder): Promise<void> {
  const last = dirname(topmost);
  let parent = folder;
  do {
    parent = dirname(parent);
    try {
      await sync(parent);
    } catch (error) {
      // A process may be able to write to a folder that it cannot read, and so cannot open it.
      if (!hasErrorCode(error, "EACCES")) throw error;
    }
  } while (parent.length > last.length);
}

async function syncFolder(folder: string): Promise<void> {
  // Windows cannot sync a folder. There, the journal of the file system keeps a rename.
  if (isWindows) return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
