// The folder of one key. In it is the value, in a file that is named after the fence it was written under: the highest
// counts, so that one who was overtaken and writes late changes nothing, however late. Whoever takes the highest away
// removes the lower ones first: what is left of them would be the value again. Then an empty file for each fence that was
// given out, of which the latest stays, and the lock folder of each lease, of which the latest counts.
import { randomUUID } from "node:crypto";
import { link, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { unfinished } from "./durable-file.js";
import { hasCode } from "./error-code.js";

const valueName = /^value-(\d{1,15})$/;
const fenceName = /^fence-(\d{1,15})$/;
const heldName = /^held-(\d{1,15})$/;

// The first line of a value, its expiry in milliseconds since the epoch or `-`.
const heading = /^mcp-auth-store 1 (\d{1,16}|-)\n/;

export interface Contents {
  readonly names: readonly string[];
  readonly values: readonly number[];
  readonly fences: readonly number[];
  readonly held: readonly number[];
  /** The latest that was given out, 0 before the first. */
  readonly fence: number;
}

export interface Text {
  readonly value: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt?: number;
}

export async function contentsOf(folder: string): Promise<Contents> {
  const names = await namesIn(folder);
  const numbers = (pattern: RegExp): readonly number[] =>
    names.flatMap((name) => {
      const [, number] = pattern.exec(name) ?? [];
      return number === undefined ? [] : [Number(number)];
    });
  const fences = numbers(fenceName);
  return {
    names,
    values: numbers(valueName),
    fences,
    held: numbers(heldName),
    fence: Math.max(0, ...fences),
  };
}

export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

export async function readLatest(folder: string): Promise<string | undefined> {
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
export async function removeLower(folder: string, values: readonly number[]): Promise<number | undefined> {
  if (values.length === 0) return undefined;
  const highest = Math.max(...values);
  const lower = values.filter((number) => number < highest);
  await Promise.all(lower.map((number) => rm(join(folder, `value-${number}`), { force: true })));
  return highest;
}

/** Takes the value away if it is still this one, into a file `aside` or for good. */
export async function takeValue(folder: string, value: string, aside?: string): Promise<boolean> {
  const highest = await removeLower(folder, (await contentsOf(folder)).values);
  if (highest === undefined) return false;
  const name = `value-${highest}`;
  const beside = join(folder, aside ?? `${name}.${randomUUID()}${unfinished}`);
  if (!(await takeAway(join(folder, name), value, beside))) return false;
  if (aside === undefined) await rm(beside, { force: true });
  return true;
}

/** Moves a file to `beside` if that is its value. It is looked at where nobody replaces it, and put back if it is another's. */
async function takeAway(file: string, value: string, beside: string): Promise<boolean> {
  const holdsIt = async (name: string): Promise<boolean> =>
    parseText(await readFile(name, "utf8")).value === value;
  try {
    if (!(await holdsIt(file))) return false;
    await rename(file, beside);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
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
    if (!hasCode(error, "EEXIST") && !(await isThere(file))) return await rename(beside, file);
  }
  await rm(beside, { force: true });
}

async function isThere(file: string): Promise<boolean> {
  return await stat(file).then(
    () => true,
    () => false,
  );
}
