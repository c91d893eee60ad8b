import { randomInt } from "node:crypto";
import { lstat, readFile, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { unfinished } from "./durable-file.js";
import { contentsOf, namesIn, parseText, takeValue } from "./file-entry.js";

/** Aside, what could not be read. */
export const asideEnding = ".unreadable";

/** Milliseconds after which what a process that died has left behind is swept away. */
const leftBehind = 60_000;
const unusedFor = 7 * 24 * 3_600_000;
/** Milliseconds that whoever closes the store waits for it. */
const longestEnd = 250;
/** Entries after which it lets a process end that has nothing else to do. */
const atOnce = 32;

/**
 * Removes what has expired and what a process that died was writing, and folders that were of no use for long. It runs
 * beside, nobody waits for it, and what cannot be removed stays.
 */
export class Sweep {
  readonly #done: Promise<void>;
  #ended = false;

  constructor(entries: string, isEntry: (name: string) => boolean, now: number) {
    this.#done = this.#run(entries, isEntry, now).catch(() => {});
  }

  /** Resolves when all is swept, or after a moment, when it stops where it is. */
  async end(): Promise<void> {
    const waited = new AbortController();
    await Promise.race([this.#done, delay(longestEnd, undefined, { signal: waited.signal })]);
    waited.abort();
    this.#ended = true;
  }

  async #run(path: string, isEntry: (name: string) => boolean, now: number): Promise<void> {
    const names = (await namesIn(path)).filter(isEntry);
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
  // Where a link leads to, nothing is ours.
  if (!(await lstat(folder)).isDirectory()) return;
  // What is removed makes the folder look like one that was used.
  const isUnused = await isOlder(folder, now - unusedFor);
  await removeExpired(folder, now);
  for (const name of (await contentsOf(folder)).names) {
    const file = join(folder, name);
    const isOver =
      (name.endsWith(unfinished) && (await isOlder(file, now - leftBehind))) ||
      (name.endsWith(asideEnding) && (await isOlder(file, now - unusedFor)));
    if (isOver) await rm(file, { force: true });
  }
  if (isUnused) await removeUnused(folder, now);
}

/** A later value may take its place at any time, and is not to be removed for it. */
async function removeExpired(folder: string, now: number): Promise<void> {
  const { values } = await contentsOf(folder);
  if (values.length === 0) return;
  const text = await readFile(join(folder, `value-${Math.max(...values)}`), "utf8");
  const { value, expiresAt = Number.POSITIVE_INFINITY } = parseText(text);
  if (expiresAt + leftBehind < now) await takeValue(folder, value);
}

/** A folder in which there is nothing but the traces of locks, untouched for a week. */
async function removeUnused(folder: string, now: number): Promise<void> {
  const { names, fences, held } = await contentsOf(folder);
  if (names.length > fences.length + held.length) return;
  const holders = held.map((number) => join(folder, `held-${number}`));
  // Whoever lives renews the time of his.
  for (const holder of holders) if (!(await isOlder(holder, now - unusedFor))) return;
  for (const holder of holders) await rmdir(holder);
  for (const fence of fences) await rm(join(folder, `fence-${fence}`), { force: true });
  await rmdir(folder);
}

/** By what was written, and also by when it got its name: what was set aside today is kept, however old it is. */
async function isOlder(file: string, than: number): Promise<boolean> {
  const { mtimeMs, ctimeMs } = await stat(file);
  return Math.max(mtimeMs, ctimeMs) < than;
}
