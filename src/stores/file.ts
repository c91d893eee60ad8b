import { randomUUID } from "node:crypto";
import { mkdirSync, watch } from "node:fs";
import { link, mkdir, open, readdir, readFile, rename, rm, rmdir, stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import { type Clock, systemClock } from "../lib/clock.js";
import { unfinished, writeDurably } from "./durable-file.js";
import { hasCode, tryFileLock } from "./file-lock.js";
import type { Lease, TokenStore } from "./store.js";

export interface FileStoreOptions {
  /** Absolute: the folder that holds everything, made when it is needed. */
  readonly path: string;
  readonly clock?: Clock;
}

// Each key has a folder of its own. In it is the value, in a file that is named after the fence it was written under: the
// highest counts, so that one who was overtaken and writes late changes nothing, however late. An empty file for each fence
// that was given out, of which the latest stays, and the lock.
const valueName = /^value-(\d{1,15})$/;
const fenceName = /^fence-(\d{1,15})$/;
const lockName = "held";
const keyName = /^[\w-][\w.-]{0,199}$/;
/** Aside, what could not be read. */
const asideEnding = ".unreadable";

// The first line of a value, its expiry in milliseconds since the epoch or `-`.
const heading = /^mcp-auth-store 1 (\d{1,16}|-)\n/;

/** Milliseconds after which what a process that died has left behind is swept away. */
const leftBehind = 60_000;
const unusedFor = 7 * 24 * 3_600_000;

/**
 * Entries as files under one folder, for the processes of one machine: 0600 in 0700. Locks of a process that died are
 * taken over; a file is whole or not there.
 */
export function createFileStore({ path, clock = systemClock }: FileStoreOptions): TokenStore {
  const watchers = new Set<() => void>();
  let swept: Promise<void> | undefined;
  let closed = false;

  const folderOf = (key: string): string => {
    if (closed) throw new Error("The store is closed.");
    if (!keyName.test(key))
      throw new TypeError("A key of the file store is a name of letters, digits, _, - and dots.");
    return join(path, key);
  };
  const madeFolderOf = async (key: string): Promise<string> => {
    const folder = folderOf(key);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  };

  return {
    async get(key) {
      const text = await readLatest(folderOf(key));
      if (text === undefined) return undefined;
      const [line, expiry] = heading.exec(text) ?? [];
      // What has no heading is nothing of ours: whoever opens it says so.
      if (line === undefined) return { value: text };
      const value = text.slice(line.length);
      if (expiry === "-") return { value };
      const expiresIn = Number(expiry) - clock.now();
      return expiresIn > 0 ? { value, expiresIn } : undefined;
    },
    async set(key, value, { expiresIn, fence } = {}) {
      swept ??= sweep(path, clock.now());
      await swept;
      const folder = await madeFolderOf(key);
      const before = await contentsOf(folder);
      const latest = Math.max(before.fence, ...before.values);
      if (fence !== undefined && fence < latest) return false;
      const expiry = expiresIn === undefined ? "-" : String(Math.ceil(clock.now() + expiresIn));
      const own = fence ?? latest;
      await writeDurably(join(folder, `value-${own}`), `mcp-auth-store 1 ${expiry}\n${value}`);
      await removeAll(
        folder,
        before.values.filter((number) => number < own),
        "value",
      );
      if (fence === undefined) return true;
      const after = await contentsOf(folder);
      return Math.max(after.fence, ...after.values) === own;
    },
    async delete(key) {
      const folder = folderOf(key);
      const { values } = await contentsOf(folder);
      await removeAll(folder, values, "value");
    },
    async compareAndDelete(key, value) {
      const folder = folderOf(key);
      const { values } = await contentsOf(folder);
      if (values.length === 0) return false;
      const file = join(folder, `value-${Math.max(...values)}`);
      return await takeAway(file, value);
    },
    async withLock(key, ttl, run) {
      const folder = await madeFolderOf(key);
      // Looked at before the lock: of two that take over the same dead one's lock, only one can make the next fence.
      const fence = (await contentsOf(folder)).fence + 1;
      const lock = await tryFileLock(join(folder, lockName), ttl);
      if (lock === undefined) return { acquired: false };
      try {
        if (!(await claimFence(folder, fence))) return { acquired: false };
        const lease: Lease = { fence, signal: lock.signal };
        return { acquired: true, value: await run(lease) };
      } finally {
        // Where somebody else has taken over, the lock is theirs.
        const { fence: latest } = await contentsOf(folder).catch(() => ({ fence }));
        if (latest <= fence) await lock.release();
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
      folderOf("any");
      const names = await namesIn(path);
      const found = await Promise.all(
        names.map(async (name) => {
          if (!name.startsWith(prefix) || !keyName.test(name)) return [];
          return (await contentsOf(join(path, name))).values.length > 0 ? [name] : [];
        }),
      );
      return found.flat();
    },
    async setAside(key, value) {
      const folder = folderOf(key);
      const { values } = await contentsOf(folder);
      if (values.length === 0) return;
      const file = join(folder, `value-${Math.max(...values)}`);
      const text = await readFile(file, "utf8").catch(() => undefined);
      if (text === undefined || !text.endsWith(value)) return;
      await rename(file, join(folder, `${randomUUID()}${asideEnding}`));
    },
    async close() {
      closed = true;
      for (const end of watchers) end();
      watchers.clear();
      await swept?.catch(() => {});
    },
  };
}

interface Contents {
  readonly values: readonly number[];
  /** The latest that was given out, 0 before the first. */
  readonly fence: number;
}

async function contentsOf(folder: string): Promise<Contents> {
  const names = await namesIn(folder);
  const numbers = (pattern: RegExp): readonly number[] =>
    names.flatMap((name) => {
      const [, number] = pattern.exec(name) ?? [];
      return number === undefined ? [] : [Number(number)];
    });
  return { values: numbers(valueName), fence: Math.max(0, ...numbers(fenceName)) };
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

async function readLatest(folder: string): Promise<string | undefined> {
  // A file may be replaced between the look at the folder and the look into it, by one with a higher number.
  for (let look = 0; look < 10; look += 1) {
    const { values } = await contentsOf(folder);
    if (values.length === 0) return undefined;
    try {
      return await readFile(join(folder, `value-${Math.max(...values)}`), "utf8");
    } catch (error) {
      if (!hasCode(error, "ENOENT")) throw error;
    }
  }
  return undefined;
}

async function removeAll(folder: string, numbers: readonly number[], what: "value" | "fence"): Promise<void> {
  await Promise.all(numbers.map((number) => rm(join(folder, `${what}-${number}`), { force: true })));
}

/** Makes the next fence; `false` when somebody else did. The ones before it are of no more use. */
async function claimFence(folder: string, fence: number): Promise<boolean> {
  try {
    await (await open(join(folder, `fence-${fence}`), "wx", 0o600)).close();
  } catch (error) {
    if (hasCode(error, "EEXIST")) return false;
    throw error;
  }
  const names = await namesIn(folder);
  const older = names.flatMap((name) => {
    const number = Number(fenceName.exec(name)?.[1] ?? fence);
    return number < fence ? [number] : [];
  });
  await removeAll(folder, older, "fence");
  return true;
}

/** Deletes a file if that is its value. It is looked at where nobody replaces it, and put back if it is another's. */
async function takeAway(file: string, value: string): Promise<boolean> {
  const beside = `${file}.${randomUUID()}${unfinished}`;
  try {
    const text = await readFile(file, "utf8");
    if (text.replace(heading, "") !== value) return false;
    await rename(file, beside);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
  try {
    const isStill = (await readFile(beside, "utf8")).replace(heading, "") === value;
    // Replaced between the two looks; a later one may be in its place already.
    if (!isStill) await link(beside, file).catch(() => {});
    return isStill;
  } finally {
    await rm(beside, { force: true });
  }
}

/** A folder that cannot be watched is not: whoever waits looks by itself too. */
function watchFolder(folder: string, listener: () => void): () => void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const watcher = watch(folder, { persistent: false }, listener);
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => {};
  }
}

/**
 * Removes what has expired and what a process that died was writing, and folders that were of no use for long, once for
 * each time the store is opened.
 */
async function sweep(path: string, now: number): Promise<void> {
  for (const key of await namesIn(path)) {
    if (!keyName.test(key)) continue;
    const folder = join(path, key);
    for (const name of await namesIn(folder).catch(() => [])) {
      const file = join(folder, name);
      const isOver = name.endsWith(unfinished)
        ? isOlder(file, now - leftBehind)
        : hasExpired(name, file, now);
      if (await isOver.catch(() => false)) await unlink(file).catch(() => {});
    }
    await removeUnused(folder, now).catch(() => {});
  }
}

/** A folder in which there was nothing but the trace of a lock for a week. */
async function removeUnused(folder: string, now: number): Promise<void> {
  const names = await namesIn(folder);
  if (!names.every((name) => fenceName.test(name)) || !(await isOlder(folder, now - unusedFor))) return;
  await Promise.all(names.map((name) => unlink(join(folder, name))));
  await rmdir(folder);
}

async function isOlder(file: string, than: number): Promise<boolean> {
  return (await stat(file)).mtimeMs < than;
}

async function hasExpired(name: string, file: string, now: number): Promise<boolean> {
  if (!valueName.test(name)) return false;
  const [, expiry] = heading.exec(await readFile(file, "utf8")) ?? [];
  return expiry !== undefined && expiry !== "-" && Number(expiry) + leftBehind < now;
}
