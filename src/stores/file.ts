import { randomUUID } from "node:crypto";
import { watch } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "../lib/clock.js";
import { makeFolderDurably, writeDurably } from "./durable-file.js";
import { NotOurs } from "./failure.js";
import {
  type Contents,
  contentsOf,
  isOwnText,
  namesIn,
  parseText,
  readLatest,
  removeLower,
  removeValues,
  takeValue,
  textOf,
} from "./file-entry.js";
import { tryFileLock } from "./file-lock.js";
import { Sweep } from "./file-sweep.js";
import { removeOwnFile } from "./own-files.js";
import { keepEntryFolder, keepStoreFolder } from "./own-folder.js";
import { isEntryName } from "./own-names.js";
import type { TokenStore } from "./store.js";

export interface FileStoreOptions {
  /** Absolute: the folder that holds everything, made when it is needed. */
  readonly path: string;
  readonly clock?: Clock;
  /** Asked at each use whether the folder may be used. What it rejects with, the operation rejects with. */
  readonly assertAllowed?: (() => Promise<void>) | undefined;
}

// Each key has a folder of its own, of its name. Windows has no names that end with a dot, and devices in place of some.
const keyName = /^(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))[\w-][\w.-]{0,199}(?<!\.)$/i;

/**
 * Entries as files under one folder, for the processes of one machine: 0600 in 0700. Locks of a process that died are
 * taken over; a file is whole or not there.
 *
 * The folder may hold other things, and other users may be able to write to it: only what has a name that this package
 * makes, belongs to the user of this process, and is a regular file or a real folder is read, written over or removed.
 */
export function createFileStore({
  path,
  clock = systemClock,
  assertAllowed = async () => {},
}: FileStoreOptions): TokenStore {
  const watchers = new Set<() => void>();
  let sweep: Sweep | undefined;
  let closed = false;

  const folderOf = (key: string): string => {
    if (closed) throw new Error("The store is closed.");
    if (!keyName.test(key))
      throw new TypeError("A key of the file store is a name of letters, digits, _, - and dots.");
    return join(path, key);
  };
  // Each time: where others may write beside it, it may be replaced at any time.
  const assertUsable = async (): Promise<void> => {
    await assertAllowed();
    await keepStoreFolder(path);
  };
  const ownFolderOf = async (key: string): Promise<string> => {
    const folder = folderOf(key);
    await assertUsable();
    return folder;
  };
  const madeFolderOf = async (
    key: string,
  ): Promise<{ readonly folder: string; readonly contents: Contents }> => {
    const folder = await ownFolderOf(key);
    await makeFolderDurably(folder);
    await assertUsable();
    // Before anything is changed, the mode included.
    const contents = await contentsOf(folder);
    await keepEntryFolder(folder);
    return { folder, contents };
  };

  return {
    async get(key) {
      const text = await readLatest(await ownFolderOf(key));
      if (text === undefined) return undefined;
      const { value, expiresAt } = parseText(text);
      if (expiresAt === undefined) return { value };
      const expiresIn = expiresAt - clock.now();
      return expiresIn > 0 ? { value, expiresIn } : undefined;
    },
    async set(key, value, { expiresIn, fence } = {}) {
      const { folder, contents: before } = await madeFolderOf(key);
      const latest = Math.max(before.fence, ...before.values);
      if (fence !== undefined && fence < latest) return false;
      const own = fence ?? latest;
      const expiresAt = expiresIn === undefined ? undefined : clock.now() + expiresIn;
      await writeDurably(join(folder, `value-${own}`), textOf(value, expiresAt));
      const after = await contentsOf(folder);
      // Its own, where it was overtaken meanwhile.
      const highest = (await removeLower(folder, after.values)) ?? own;
      sweep ??= new Sweep(path, clock.now());
      return fence === undefined || Math.max(after.fence, highest) <= own;
    },
    async delete(key) {
      const folder = await ownFolderOf(key);
      const { quarantine, values } = await contentsOf(folder);
      await Promise.all(quarantine.map((name) => removeOwnFile(join(folder, name))));
      await removeValues(folder, values);
    },
    async compareAndDelete(key, value) {
      return await takeValue(await ownFolderOf(key), value);
    },
    async withLock(key, ttl, run) {
      const { folder } = await madeFolderOf(key);
      const lock = await tryFileLock(folder, ttl);
      if (lock === undefined) return { acquired: false };
      const { fence, signal } = lock;
      try {
        return { acquired: true, value: await run({ fence, signal }) };
      } finally {
        await lock.release();
      }
    },
    onChange(key, listener) {
      const end = watchFolder(folderOf(key), madeFolderOf(key), listener);
      watchers.add(end);
      return () => {
        watchers.delete(end);
        end();
      };
    },
    async keys(prefix) {
      await ownFolderOf("any");
      const names = await namesIn(path);
      const found = await Promise.all(
        names.map(async (name) => {
          if (!name.startsWith(prefix) || !keyName.test(name)) return [];
          return (await isEntry(join(path, name), name)) ? [name] : [];
        }),
      );
      return found.flat();
    },
    async quarantine(key, value) {
      await takeValue(await ownFolderOf(key), value, `${randomUUID()}.unreadable`);
    },
    async close() {
      closed = true;
      for (const end of watchers) end();
      watchers.clear();
      await sweep?.end();
    },
  };
}

/** Whether a folder holds a value of this package: by its name, or where another name was given in code, by its content. */
async function isEntry(folder: string, name: string): Promise<boolean> {
  const isMade = isEntryName(name);
  try {
    if (isMade) return (await contentsOf(folder)).values.length > 0;
    const text = await readLatest(folder);
    return text !== undefined && isOwnText(text);
  } catch (error) {
    // Something else in the same folder is no reason to list nothing.
    if (!isMade || error instanceof NotOurs) return false;
    throw error;
  }
}

/** Where a folder cannot be watched, those who wait still look at it from time to time. */
function watchFolder(folder: string, made: Promise<unknown>, listener: () => void): () => void {
  let close = (): void => {};
  let isOver = false;
  const start = (): void => {
    if (isOver) return;
    const watcher = watch(folder, { persistent: false }, listener);
    watcher.on("error", () => watcher.close());
    close = () => watcher.close();
  };
  made.then(start).catch(() => {});
  return () => {
    isOver = true;
    close();
  };
}
