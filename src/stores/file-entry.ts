// An entry is a folder with these files and folders, where N is a fence (see `Lease`):
//
// - `value-N`: the value that was written under fence N. The highest N counts, so that a process that lost its lease and
//   writes late changes nothing. A process that removes the value removes lower ones first, because one that is left
//   would become the value again.
// - `fence-N`: an empty file that shows that fence N was given out. Only the latest one stays.
// - `held-N`: an empty folder, the lock of the lease with fence N. Only the latest one counts.
import { randomUUID } from "node:crypto";
import type { Dirent } from "node:fs";
import { link, lstat, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { hasErrorCode } from "../errors/expected-errors.js";
import { temporarySuffix } from "./durable-file.js";
import { NotOurs } from "./failure.js";
import { ignoreFileError, readOwnFile, removeOwnFile } from "./own-files.js";
import { assertEntryFolder } from "./secure-folder.js";
import { isStoreName, namePatterns } from "./store-names.js";
import { fileFormat, isLaterFormat } from "./stored-value.js";

// The first line of a value's file: the version of this format, and the expiry of the value in milliseconds since the
// epoch, or `-`.
const heading = new RegExp(`^mcp-auth-store ${fileFormat} (\\d{1,16}|-)\\n`);

/** What the folder of an entry contains. */
export interface Contents {
  /** The number of files and folders, including foreign ones. */
  readonly size: number;
  /** The numbers of the values. */
  readonly values: readonly number[];
  /** The numbers of the fences that were given out and not removed. */
  readonly fences: readonly number[];
  /** The numbers of the locks: of the folders `held-N`. */
  readonly locks: readonly number[];
  /** The latest fence that was given out; 0 before the first. */
  readonly fence: number;
  /** Names of files that are being written or removed, or were when their process died. */
  readonly unfinished: readonly string[];
  /** Names of files with values that could not be decrypted. */
  readonly quarantine: readonly string[];
}

/** A value's file, parsed. */
export interface ParsedValue {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
}

/**
 * Returns the contents of an entry's folder; empty if there is no such folder. Ignores names that the store does not
 * create, and values that are not regular files. Rejects with `NotOurs` if the folder is not one of an entry: a link, a
 * folder of another user, or one with only foreign files.
 */
export async function contentsOf(folder: string): Promise<Contents> {
  const all = await listEntry(folder);
  const names = all.map(({ name }) => name);
  const files = all.filter((each) => each.isFile()).map(({ name }) => name);
  const filesNamed = (pattern: RegExp): readonly string[] => files.filter((name) => pattern.test(name));
  // A number counts as given out even if something else than our file has its name.
  const fences = numbersIn(names, namePatterns.fence);
  return {
    size: all.length,
    values: numbersIn(files, namePatterns.value),
    fences,
    locks: numbersIn(names, namePatterns.lock),
    fence: Math.max(0, ...fences),
    unfinished: filesNamed(namePatterns.unfinished),
    quarantine: filesNamed(namePatterns.quarantined),
  };
}

async function listEntry(folder: string): Promise<readonly Dirent[]> {
  try {
    assertEntryFolder(await lstat(folder));
    const all = await readdir(folder, { withFileTypes: true });
    if (all.length === 0 || all.some(({ name }) => isStoreName(name))) return all;
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

/** Returns the names in a folder; none if it does not exist. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return [];
    throw error;
  }
}

/** Returns the text of the value with the highest number; `undefined` if there is none. */
export async function readLatest(folder: string): Promise<string | undefined> {
  // Between listing the folder and reading the file, a value with a higher number may replace it.
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const { values } = await contentsOf(folder);
    if (values.length === 0) return undefined;
    const text = await readOwnFile(join(folder, `value-${Math.max(...values)}`));
    if (text !== undefined) return text;
  }
  return undefined;
}

/** Returns whether this package, or a later version of it, wrote a text, by its first line. */
export function isStoreText(text: string): boolean {
  return heading.test(text) || isLaterFormat(text);
}

/** Returns the content of a value's file. */
export function serializeValue(value: string, expiresAt: number | undefined): string {
  return `mcp-auth-store ${fileFormat} ${expiresAt === undefined ? "-" : Math.ceil(expiresAt)}\n${value}`;
}

/**
 * Splits the content of a value's file. Foreign content and that of a later version are returned unchanged: decrypting
 * them fails later.
 */
export function parseValue(text: string): ParsedValue {
  const [line, expiry] = heading.exec(text) ?? [];
  if (line === undefined) return { value: text };
  const value = text.slice(line.length);
  return expiry === "-" ? { value } : { value, expiresAt: Number(expiry) };
}

/** Removes all values except the one with the highest number, and returns that number. */
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

/** Removes all values. Removes the highest last: a process that is killed in between leaves the latest value. */
export async function removeValues(
  folder: string,
  values: readonly number[],
  remove = removeOwnFile,
): Promise<void> {
  const highest = await removeLower(folder, values, remove);
  if (highest !== undefined) await remove(join(folder, `value-${highest}`));
}

/** Removes the value if it is still this one, or moves it to the file `quarantine`. Returns whether it was this one. */
export async function removeIfValue(folder: string, value: string, quarantine?: string): Promise<boolean> {
  const highest = await removeLower(folder, (await contentsOf(folder)).values);
  if (highest === undefined) return false;
  const name = `value-${highest}`;
  const target = join(folder, quarantine ?? `${name}.${randomUUID()}${temporarySuffix}`);
  if (!(await moveIfValue(join(folder, name), value, target))) return false;
  if (quarantine === undefined) await removeOwnFile(target);
  return true;
}

/**
 * Moves a file to `target` if it has this value. Checks the value again after the move, when no process can replace it,
 * and puts a different one back.
 */
async function moveIfValue(file: string, value: string, target: string): Promise<boolean> {
  const hasValue = async (name: string): Promise<boolean> => {
    const text = await readOwnFile(name);
    return text !== undefined && parseValue(text).value === value;
  };
  if (!(await hasValue(file))) return false;
  try {
    await rename(file, target);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return false;
    throw error;
  }
  const isSame = await hasValue(target).catch(ignoreFileError);
  if (isSame === true) return true;
  // Another process replaced the value between the two checks.
  await putBack(target, file);
  return false;
}

/** Moves a file back to its place, unless a newer one is there by now. */
export async function putBack(moved: string, file: string, makeLink = link): Promise<void> {
  try {
    await makeLink(moved, file);
  } catch (error) {
    // Some file systems do not have hard links.
    if (!hasErrorCode(error, "EEXIST") && !(await exists(file))) return await rename(moved, file);
  }
  await rm(moved, { force: true });
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return false;
    throw error;
  }
}
