import { randomUUID } from "node:crypto";
import { mkdirSync, watch } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../lib/clock.js";
import { makeFolderDurably, syncAbove, writeDurably } from "./durable-file.js";
import { contentsOf, namesIn, parseText, readLatest, removeLower, takeValue, textOf } from "./file-entry.js";
import { tryFileLock } from "./file-lock.js";
import { asideEnding, Sweep } from "./file-sweep.js";
import { keepEntryFolder, keepStoreFolder } from "./own-folder.js";
import type { TokenStore } from "./store.js";

export interface FileStoreOptions {
  /** Absolute: the folder that holds everything, made when it is needed. */
  readonly path: string;
  readonly clock?: Clock;
}

// Each key has a folder of its own, of its name. Windows has no names that end with a dot, and devices in place of some.
const keyName = /^(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))[\w-][\w.-]{0,199}(?<!\.)$/i;
const isEntry = (name: string): boolean => keyName.test(name);

/**
 * Entries as files under one folder, for the processes of one machine: 0600 in 0700. Locks of a process that died are
 * taken over; a file is whole or not there.
 */
export function createFileStore({ path, clock = systemClock }: FileStoreOptions): TokenStore {
  const watchers = new Set<() => void>();
  let sweep: Sweep | undefined;
  let isOwn = false;
  let closed = false;

  const folderOf = (key: string): string => {
    if (closed) throw new Error("The store is closed.");
    if (!isEntry(key))
      throw new TypeError("A key of the file store is a name of letters, digits, _, - and dots.");
    return join(path, key);
  };
  /** One that is made later is looked at later. */
  const keepRoot = async (): Promise<void> => {
    if (!isOwn) isOwn = await keepStoreFolder(path);
  };
  const ownFolderOf = async (key: string): Promise<string> => {
    const folder = folderOf(key);
    await keepRoot();
    return folder;
  };
  const madeFolderOf = async (key: string): Promise<string> => {
    const folder = await ownFolderOf(key);
    await makeFolderDurably(folder);
    await keepRoot();
    await keepEntryFolder(folder);
    return folder;
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
      const folder = await madeFolderOf(key);
      const before = await contentsOf(folder);
      const latest = Math.max(before.fence, ...before.values);
      if (fence !== undefined && fence < latest) return false;
      const own = fence ?? latest;
      const expiresAt = expiresIn === undefined ? undefined : clock.now() + expiresIn;
      await writeDurably(join(folder, `value-${own}`), textOf(value, expiresAt));
      const after = await contentsOf(folder);
      // Its own, where it was overtaken meanwhile.
      const highest = (await removeLower(folder, after.values)) ?? own;
      sweep ??= new Sweep(path, isEntry, clock.now());
      return fence === undefined || Math.max(after.fence, highest) <= own;
    },
    async delete(key) {
      const folder = await ownFolderOf(key);
      const { names, values } = await contentsOf(folder);
      const aside = names.filter((name) => name.endsWith(asideEnding));
      await Promise.all(aside.map((name) => rm(join(folder, name), { force: true })));
      const highest = await removeLower(folder, values);
      if (highest !== undefined) await rm(join(folder, `value-${highest}`), { force: true });
    },
    async compareAndDelete(key, value) {
      return await takeValue(await ownFolderOf(key), value);
    },
    async withLock(key, ttl, run) {
      const lock = await tryFileLock(await madeFolderOf(key), ttl);
      if (lock === undefined) return { acquired: false };
      const { fence, signal } = lock;
      try {
        return { acquired: true, value: await run({ fence, signal }) };
      } finally {
        await lock.release();
      }
    },
    onChange(key, listener) {
      const end = watchFolder(folderOf(key), listener);
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
          if (!name.startsWith(prefix) || !isEntry(name)) return [];
          return (await contentsOf(join(path, name))).values.length > 0 ? [name] : [];
        }),
      );
      return found.flat();
    },
    async setAside(key, value) {
      await takeValue(await ownFolderOf(key), value, `${randomUUID()}${asideEnding}`);
    },
    async close() {
      closed = true;
      for (const end of watchers) end();
      watchers.clear();
      await sweep?.end();
    },
  };
}

/** A folder that cannot be watched is not: whoever waits looks by itself too. */
function watchFolder(folder: string, listener: () => void): () => void {
  try {
    const first = mkdirSync(folder, { recursive: true, mode: 0o700 });
    // Whoever writes there finds it made.
    if (first !== undefined) syncAbove(first, folder).catch(() => {});
    const watcher = watch(folder, { persistent: false }, listener);
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => {};
  }
}
