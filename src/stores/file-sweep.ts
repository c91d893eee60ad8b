import { randomInt } from "node:crypto";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ignoreSystemError } from "../errors/expected-errors.js";
import { contentsOf, namesIn, parseValue, readLatest, removeIfValue } from "./file-entry.js";
import { ignoreFileError, removeOwnFile, removeOwnFolder } from "./own-files.js";
import { isEntryName } from "./store-names.js";

/** Age in milliseconds at which the files of a process that died are removed. */
const abandonedAfter = 60_000;
/** Age in milliseconds at which an unused folder or a quarantined value is removed. */
const unusedFor = 7 * 24 * 3_600_000;
/** How long closing the store waits for the sweep, in milliseconds. */
const endLimit = 250;
/** How many entries are swept between two pauses. In a pause, a process with nothing else to do can exit. */
const entriesPerPause = 32;

/**
 * Removes expired values, files that a process was writing when it died, and folders that were not used for a week.
 * Touches only names that this package creates. It runs in the background, and skips what it cannot remove.
 */
export class Sweep {
  readonly #done: Promise<void>;
  #ended = false;

  constructor(path: string, now: number) {
    this.#done = this.#run(path, now);
    // `end` reports an error; until then nobody waits for the sweep.
    this.#done.catch(() => {});
  }

  /** Waits a moment for the sweep to finish, then stops it. */
  async end(): Promise<void> {
    const waited = new AbortController();
    await Promise.race([this.#done, delay(endLimit, undefined, { signal: waited.signal })]);
    waited.abort();
    this.#ended = true;
  }

  async #run(path: string, now: number): Promise<void> {
    const names = (await listNames(path)).filter(isEntryName);
    if (names.length === 0) return;
    // Starts at a random entry, so that short commands together get through all of them.
    const first = randomInt(names.length);
    let count = 0;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      if (this.#ended) return;
      await sweepEntry(join(path, name), now).catch(ignoreFileError);
      count += 1;
      if (count % entriesPerPause === 0) await delay(1, undefined, { ref: false });
    }
  }
}

async function sweepEntry(folder: string, now: number): Promise<void> {
  // Rejects with `NotOurs` for a foreign folder, which stays unchanged.
  const { unfinished, quarantine } = await contentsOf(folder);
  // Checked before anything is removed, because that changes the time of the folder.
  const isUnused = await isOlderThan(folder, now - unusedFor);
  await removeExpired(folder, now);
  await removeOlder(folder, unfinished, now - abandonedAfter);
  await removeOlder(folder, quarantine, now - unusedFor);
  if (isUnused) await removeUnused(folder, now);
}

async function removeOlder(folder: string, names: readonly string[], time: number): Promise<void> {
  for (const name of names) {
    const file = join(folder, name);
    if (await isOlderThan(file, time)) await removeOwnFile(file);
  }
}

/** Removes an expired value, but not a later one that replaces it meanwhile. */
async function removeExpired(folder: string, now: number): Promise<void> {
  const text = await readLatest(folder);
  if (text === undefined) return;
  const { value, expiresAt = Number.POSITIVE_INFINITY } = parseValue(text);
  if (expiresAt + abandonedAfter < now) await removeIfValue(folder, value);
}

/** Removes a folder that contains only files of locks and was not touched for a week. */
async function removeUnused(folder: string, now: number): Promise<void> {
  const { size, fences, locks } = await contentsOf(folder);
  if (size > fences.length + locks.length) return;
  const lockFolders = locks.map((number) => join(folder, `held-${number}`));
  // A live process renews the time of its lock folder.
  for (const each of lockFolders) if (!(await isOlderThan(each, now - unusedFor))) return;
  for (const each of lockFolders) await removeOwnFolder(each);
  for (const fence of fences) await removeOwnFile(join(folder, `fence-${fence}`));
  await removeOwnFolder(folder);
}

/**
 * Returns whether both the content and the name of a file were last changed before a time. A value that was quarantined
 * today has old content and a new name, and is kept.
 */
async function isOlderThan(file: string, time: number): Promise<boolean> {
  const { mtimeMs, ctimeMs } = await lstat(file);
  return Math.max(mtimeMs, ctimeMs) < time;
}

/** Returns the names in the folder of the store; none if it cannot be read, which the next operation reports. */
async function listNames(path: string): Promise<readonly string[]> {
  try {
    return await namesIn(path);
  } catch (error) {
    ignoreSystemError(error);
    return [];
  }
}
