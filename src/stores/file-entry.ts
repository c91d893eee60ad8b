// The folder of one key. In it is the value, in a file that is named after the fence it was written under: the highest
// counts, so that one who was overtaken and writes late changes nothing, however late. Whoever takes the highest away
// removes the lower ones first: what is left of them would be the value again. Then an empty file for each fence that was
// given out, of which the latest stays, and the lock folder of each lease, of which the latest counts.
import { randomUUID } from "node:crypto";
import type { Dirent } from "node:fs";
import { link, lstat, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { hasErrorCode } from "../lib/error-code.js";
import { unfinished } from "./durable-file.js";
import { NotOurs } from "./failure.js";
import { readOwnFile, removeOwnFile } from "./own-files.js";
import { assertEntryFolder } from "./own-folder.js";
import { isOwnName, ownNames } from "./own-names.js";

// The first line of a value, its expiry in milliseconds since the epoch or `-`.
const heading = /^mcp-auth-store 1 (\d{1,16}|-)\n/;

export interface Contents {
  /** How many things there are, those of others included. */
  readonly size: number;
  readonly values: readonly number[];
  readonly fences: readonly number[];
  readonly held: readonly number[];
  /** The latest that was given out, 0 before the first. */
  readonly fence: number;
  /** Names of files that are being written or taken away, or were when their process died. */
  readonly unfinished: readonly string[];
  /** Names of files with values that did not open. */
  readonly quarantine: readonly string[];
}

export interface Text {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
}

/**
 * What is in the folder of an entry, nothing when it is not there. Names that the store does not make are passed over, and
 * so is what is no regular file, though it has the name of one. Rejects with `NotOurs` when the folder is not that of an
 * entry: a link, another user's, or one that holds something and nothing of ours.
 */
export async function contentsOf(folder: string): Promise<Contents> {
  const all = await listEntry(folder);
  const names = all.map(({ name }) => name);
  const files = all.filter((each) => each.isFile()).map(({ name }) => name);
  const matching = (pattern: RegExp): readonly string[] => files.filter((name) => pattern.test(name));
  // A number is taken whatever has its name.
  const fences = numbersIn(names, ownNames.fence);
  return {
    size: all.length,
    values: numbersIn(files, ownNames.value),
    fences,
    held: numbersIn(names, ownNames.held),
    fence: Math.max(0, ...fences),
    unfinished: matching(ownNames.unfinished),
    quarantine: matching(ownNames.quarantined),
  };
}

async function listEntry(folder: string): Promise<readonly Dirent[]> {
  try {
    assertEntryFolder(await lstat(folder));
    const all = await readdir(folder, { withFileTypes: true });
    if (all.length === 0 || all.some(({ name }) => isOwnName(name))) return all;
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return [];
    throw error;
  }
  throw new NotOurs("a folder in it has the name of an entry and holds other things");
}

function numbersIn(names: readonly string[], pattern: RegExp): readonly number[] {
  return names.flatMap((name) => {
    const [, number] = pattern.exec(name) ?? [];
    return number === undefined ? [] : [Number(number)];
  });
}

export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return [];
    throw error;
  }
}

export async function readLatest(folder: string): Promise<string | undefined> {
  // A file may be replaced between the look at the folder and the look into it, by one with a higher number.
  for (let look = 0; look < 10; look += 1) {
    const { values } = await contentsOf(folder);
    if (values.length === 0) return undefined;
    const text = await readOwnFile(join(folder, `value-${Math.max(...values)}`));
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Whether it is plain, by the first line, that a value was written by this package. */
export function isOwnText(text: string): boolean {
  return heading.test(text);
}

export function textOf(value: string, expiresAt: number | undefined): string {
  return `mcp-auth-store 1 ${expiresAt === undefined ? "-" : Math.ceil(expiresAt)}\n${value}`;
}

/** What has no heading is nothing of ours, and is given as it is: whoever opens it says so. */
export function parseText(text: string): Text {
  const [line, expiry] = heading.exec(text) ?? [];
  if (line === undefined) return { value: text };
  const value = text.slice(line.length);
  return expiry === "-" ? { value } : { value, expiresAt: Number(expiry) };
}

/** Removes the values below the highest, and tells which that is. */
export async function removeLower(
  folder: string,
  values: readonly number[],
  remove = removeOwnFile,
): Promise<number | undefined> {
  if (values.length === 0) return undefined;
  const highest = Math.max(...values);
  const lower = values.filter((number) => number < highest);
  await Promise.all(lower.map((number) => remove(join(folder, `value-${number}`))));
  return highest;
}

/** Removes all values, the highest last: what is left when the process is killed meanwhile is the latest. */
export async function removeValues(
  folder: string,
  values: readonly number[],
  remove = removeOwnFile,
): Promise<void> {
  const highest = await removeLower(folder, values, remove);
  if (highest !== undefined) await remove(join(folder, `value-${highest}`));
}

/** Takes the value away if it is still this one, into a file `quarantine` or for good. */
export async function takeValue(folder: string, value: string, quarantine?: string): Promise<boolean> {
  const highest = await removeLower(folder, (await contentsOf(folder)).values);
  if (highest === undefined) return false;
  const name = `value-${highest}`;
  const beside = join(folder, quarantine ?? `${name}.${randomUUID()}${unfinished}`);
  if (!(await takeAway(join(folder, name), value, beside))) return false;
  if (quarantine === undefined) await removeOwnFile(beside);
  return true;
}

/** Moves a file to `beside` if that is its value. It is looked at where nobody replaces it, and put back if it is another's. */
async function takeAway(file: string, value: string, beside: string): Promise<boolean> {
  const holdsIt = async (name: string): Promise<boolean> => {
    const text = await readOwnFile(name);
    return text !== undefined && parseText(text).value === value;
  };
  if (!(await holdsIt(file))) return false;
  try {
    await rename(file, beside);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return false;
    throw error;
  }
  if (await holdsIt(beside).catch(() => false)) return true;
  // Replaced between the two looks.
  await putBack(beside, file);
  return false;
}

/** Moves a file back to its place, unless a later one is there already. */
export async function putBack(beside: string, file: string, makeLink = link): Promise<void> {
  try {
    await makeLink(beside, file);
  } catch (error) {
    // Not every file system has hard links.
    if (!hasErrorCode(error, "EEXIST") && !(await isThere(file))) return await rename(beside, file);
  }
  await rm(beside, { force: true });
}

async function isThere(file: string): Promise<boolean> {
  return await lstat(file).then(
    () => true,
    () => false,
  );
}
