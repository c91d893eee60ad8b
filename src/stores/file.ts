import { randomUUID } from "node:crypto";
import { watch } from "node:fs";
import { join } from "node:path";
import { type Clock, systemClock } from "../lib/clock.js";
import { makeFolderDurably, writeDurably } from "./durable-file.js";
import { NotOurs } from "./failure.js";
import {
  type Contents,
  contentsOf,
  isStoreText,
  namesIn,
  parseValue,
  readLatest,
  removeIfValue,
  removeLower,
  removeValues,
  serializeValue,
} from "./file-entry.js";
import { tryFileLock } from "./file-lock.js";
import { Sweep } from "./file-sweep.js";
import { removeOwnFile } from "./own-files.js";
import { secureEntryFolder, secureStoreFolder } from "./secure-folder.js";
import type { TokenStore } from "./store.js";
import { isEntryName } from "./store-names.js";

export interface FileStoreOptions {
  /** Absolute path of the store's folder. It is created when it is needed. */
  readonly path: string;
  readonly clock?: Clock;
  /**
   * Called before each operation. Rejects if the config is not allowed to use the folder; so does the operation then.
   */
  readonly assertAllowed?: (() => Promise<void>) | undefined;
}

// A key is the name of a folder. On Windows, a name cannot end with a dot, and some names are devices.
const keyName = /^(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))[\w-][\w.-]{0,199}(?<!\.)$/i;

/**
 * Returns a store that keeps entries as files in one folder, for the processes of one machine. Files have mode 0600,
 * folders 0700. A file is either complete or absent. The lock of a process that died is taken over.
 *
 * The folder may contain foreign files, and other users may be able to write to it. The store reads, overwrites and
 * removes only regular files and real folders that have a name which this package creates and belong to the user of
 * this process.
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
  // Called for each operation: other users may replace the folder if they can write to its parent.
  const assertUsable = async (): Promise<void> => {
    await assertAllowed();
    await secureStoreFolder(path);
  };
  const usableFolderOf = async (key: string): Promise<string> => {
    const folder = folderOf(key);
    await assertUsable();
    return folder;
  };
  const createdFolderOf = async (
    key: string,
  ): Promise<{ readonly folder: string; readonly contents: Contents }> => {
    const folder = await usableFolderOf(key);
    await makeFolderDurably(folder);
    await assertUsable();
    // Fails for a foreign folder, so it comes before anything is changed, including the mode.
    const contents = await contentsOf(folder);
    await secureEntryFolder(folder);
    return { folder, contents };
  };

  return {
    async get(key) {
      const text = await readLatest(await usableFolderOf(key));
      if (text === undefined) return undefined;
      const { value, expiresAt } = parseValue(text);
      if (expiresAt === undefined) return { value };
      const expiresIn = expiresAt - clock.now();
      return expiresIn > 0 ? { value, expiresIn } : undefined;
    },
    async set(key, value, { expiresIn, fence } = {}) {
      const { folder, contents: before } = await createdFolderOf(key);
      const latest = Math.max(before.fence, ...before.values);
      if (fence !== undefined && fence < latest) return false;
      const number = fence ?? latest;
      const expiresAt = expiresIn === undefined ? undefined : clock.now() + expiresIn;
      await writeDurably(join(folder, `value-${number}`), serializeValue(value, expiresAt));
      const after = await contentsOf(folder);
      // No values are left if another process has deleted them meanwhile.
      const highest = (await removeLower(folder, after.values)) ?? number;
      sweep ??= new Sweep(path, clock.now());
      return fence === undefined || Math.max(after.fence, highest) <= number;
    },
    async delete(key) {
      const folder = await usableFolderOf(key);
      const { quarantine, values } = await contentsOf(folder);
      await Promise.all(quarantine.map((name) => removeOwnFile(join(folder, name))));
      await removeValues(folder, values);
    },
    async compareAndDelete(key, value) {
      return await removeIfValue(await usableFolderOf(key), value);
    },
    async withLock(key, ttl, run) {
      const { folder } = await createdFolderOf(key);
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
      const end = watchFolder(folderOf(key), createdFolderOf(key), listener);
      watchers.add(end);
      return () => {
        watchers.delete(end);
        end();
      };
    },
    async keys(prefix) {
      // Only the checks are needed.
      await usableFolderOf("any");
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
      await removeIfValue(await usableFolderOf(key), value, `${randomUUID()}.unreadable`);
    },
    async close() {
      closed = true;
      for (const end of watchers) end();
      watchers.clear();
      await sweep?.end();
    },
  };
}

/**
 * Returns whether a folder has a value of this package. If the name does not show that, because code chose the key, the
 * content does.
 */
async function isEntry(folder: string, name: string): Promise<boolean> {
  const hasEntryName = isEntryName(name);
  try {
    if (hasEntryName) return (await contentsOf(folder)).values.length > 0;
    const text = await readLatest(folder);
    return text !== undefined && isStoreText(text);
  } catch (error) {
    // A foreign file in the folder of the store must not prevent the listing.
    if (!hasEntryName || error instanceof NotOurs) return false;
    throw error;
  }
}

/** Watches a folder. Where that is not possible, callers still poll it from time to time. */
function watchFolder(folder: string, created: Promise<unknown>, listener: () => void): () => void {
  let close = (): void => {};
  let hasEnded = false;
  const start = (): void => {
    if (hasEnded) return;
    const watcher = watch(folder, { persistent: false }, listener);
    watcher.on("error", () => watcher.close());
    close = () => watcher.close();
  };
  // The next operation on this key fails for the same reason, and reports it.
  created.then(start).catch(() => {});
  return () => {
    hasEnded = true;
    close();
  };
}
