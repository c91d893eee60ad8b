import { randomInt } from "node:crypto";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { ignoreSystemError } from "../lib/error-code.js";
import { contentsOf, namesIn, parseText, readLatest, takeValue } from "./file-entry.js";
import { ignoreFileError, removeOwnFile, removeOwnFolder } from "./own-files.js";
import { isEntryName } from "./own-names.js";

/** Milliseconds after which the files of a process that died are removed. */
const abandonedAfter = 60_000;
/** Milliseconds after which an unused folder and a quarantined value are removed. */
const unusedFor = 7 * 24 * 3_600_000;
/** Milliseconds that closing the store waits for the sweep. */
const endLimit = 250;
/** Entries between two pauses, in which a process with nothing else to do can exit. */
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
  // Before anything is removed, because that changes the time of the folder.
  const isUnused = await isOlder(folder, now - unusedFor);
  await removeExpired(folder, now);
  await removeOlder(folder, unfinished, now - abandonedAfter);
  await removeOlder(folder, quarantine, now - unusedFor);
  if (isUnused) await removeUnused(folder, now);
}

async function removeOlder(folder: string, names: readonly string[], than: number): Promise<void> {
  for (const name of names) {
    const file = join(folder, name);
    if (await isOlder(file, than)) await removeOwnFile(file);
  }
}

/** Removes an expired value, but not a later one that replaces it meanwhile. */
async function removeExpired(folder: string, now: number): Promise<void> {
  const text = await readLatest(folder);
  if (text === undefined) return;
  const { value, expiresAt = Number.POSITIVE_INFINITY } = parseText(text);
  if (expiresAt + abandonedAfter < now) await takeValue(folder, value);
}

/** Removes a folder that contains only files of locks and was not touched for a week. */
async function removeUnused(folder: string, now: number): Promise<void> {
  const { size, fences, held } = await contentsOf(folder);
  if (size > fences.length + held.length) return;
  const holders = held.map((number) => join(folder, `held-${number}`));
  // A live process renews the time of its lock folder.
  for (const holder of holders) if (!(await isOlder(holder, now - unusedFor))) return;
  for (const holder of holders) await removeOwnFolder(holder);
  for (const fence of fences) await removeOwnFile(join(folder, `fence-${fence}`));
  await removeOwnFolder(folder);
}

/** Compares both the time of the content and that of the name: a value that was quarantined today is kept. */
async function isOlder(file: string, than: number): Promise<boolean> {
  const { mtimeMs, ctimeMs } = await lstat(file);
  return Math.max(mtimeMs, ctimeMs) < than;
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
