import { randomInt } from "node:crypto";
import { lstat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { contentsOf, namesIn, parseText, readLatest, takeValue } from "./file-entry.js";
import { removeOwnFile, removeOwnFolder } from "./own-files.js";
import { isEntryName } from "./own-names.js";

/** Milliseconds after which what a process that died has left behind is swept away. */
const leftBehind = 60_000;
const unusedFor = 7 * 24 * 3_600_000;
/** Milliseconds that whoever closes the store waits for it. */
const longestEnd = 250;
/** Entries after which it lets a process end that has nothing else to do. */
const atOnce = 32;

/**
 * Removes what has expired and what a process that died was writing, and folders that were of no use for long; nothing that
 * has another name than those which this package makes. It runs beside, nobody waits for it, and what cannot be removed
 * stays.
 */
export class Sweep {
  readonly #done: Promise<void>;
  #ended = false;

  constructor(path: string, now: number) {
    this.#done = this.#run(path, now).catch(() => {});
  }

  /** Resolves when all is swept, or after a moment, when it stops where it is. */
  async end(): Promise<void> {
    const waited = new AbortController();
    await Promise.race([this.#done, delay(longestEnd, undefined, { signal: waited.signal })]);
    waited.abort();
    this.#ended = true;
  }

  async #run(path: string, now: number): Promise<void> {
    const names = (await namesIn(path)).filter(isEntryName);
    if (names.length === 0) return;
    // Commands that end after a moment get round in the end, when each begins elsewhere.
    const first = randomInt(names.length);
    let count = 0;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      if (this.#ended) return;
      await sweepEntry(join(path, name), now).catch(() => {});
      count += 1;
      if (count % atOnce === 0) await delay(1, undefined, { ref: false });
    }
  }
}

async function sweepEntry(folder: string, now: number): Promise<void> {
  // Rejects for what is no entry of ours, which then stays as it is.
  const { unfinished, quarantine } = await contentsOf(folder);
  // What is removed makes the folder look like one that was used.
  const isUnused = await isOlder(folder, now - unusedFor);
  await removeExpired(folder, now);
  await removeOlder(folder, unfinished, now - leftBehind);
  await removeOlder(folder, quarantine, now - unusedFor);
  if (isUnused) await removeUnused(folder, now);
}

async function removeOlder(folder: string, names: readonly string[], than: number): Promise<void> {
  for (const name of names) {
    const file = join(folder, name);
    if (await isOlder(file, than)) await removeOwnFile(file);
  }
}

/** A later value may take its place at any time, and is not to be removed for it. */
async function removeExpired(folder: string, now: number): Promise<void> {
  const text = await readLatest(folder);
  if (text === undefined) return;
  const { value, expiresAt = Number.POSITIVE_INFINITY } = parseText(text);
  if (expiresAt + leftBehind < now) await takeValue(folder, value);
}

/** A folder in which there is nothing but the traces of locks, untouched for a week. */
async function removeUnused(folder: string, now: number): Promise<void> {
  const { size, fences, held } = await contentsOf(folder);
  if (size > fences.length + held.length) return;
  const holders = held.map((number) => join(folder, `held-${number}`));
  // Whoever lives renews the time of his.
  for (const holder of holders) if (!(await isOlder(holder, now - unusedFor))) return;
  for (const holder of holders) await removeOwnFolder(holder);
  for (const fence of fences) await removeOwnFile(join(folder, `fence-${fence}`));
  await removeOwnFolder(folder);
}

/** By what was written, and also by when it got its name: what was set aside today is kept, however old it is. */
async function isOlder(file: string, than: number): Promise<boolean> {
  const { mtimeMs, ctimeMs } = await lstat(file);
  return Math.max(mtimeMs, ctimeMs) < than;
}
