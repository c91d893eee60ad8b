import { type FileHandle, stat } from "node:fs/promises";
import { join } from "node:path";
import * as util from "node:util";
import { ignoreSystemError } from "../errors/expected-errors.js";
import type { AllowRules } from "./permissions.js";
import { openToRead, readAtMost } from "./read-file.js";

// Node has this function in all supported versions, but other runtimes may not.
const { parseEnv } = util as { readonly parseEnv?: typeof util.parseEnv };

/** The files of variables that tools put into a project, the usual one first. */
const fileNames = [
  ".env",
  ".env.local",
  ".env.development.local",
  ".env.development",
  ".env.production.local",
  ".env.production",
  ".env.test",
];

/** 1 MiB, as for `--env-file`. */
const maxBytes = 1_048_576;

const worldWritable = 0o002;

/** A file of variables that nobody has loaded, with the names of the variables that it has a value for. */
export interface EnvFile {
  /** Absolute. */
  readonly file: string;
  readonly names: ReadonlySet<string>;
}

/**
 * Finds the `.env` files in a folder, for a message about a variable that is not set. Keeps only the names of the
 * variables. Leaves out a file that `allow` does not name, and one that another user may have written: one that
 * everybody may write to, or that belongs neither to this user, nor to root, nor to the owner of the folder.
 */
export async function findEnvFiles(folder: string, allow?: AllowRules): Promise<readonly EnvFile[]> {
  const owner = await ownerOf(folder);
  const found = await Promise.all(
    fileNames.map(async (name) => {
      const file = join(folder, name);
      const text = await readIfTrusted(file, owner, allow);
      return text === undefined ? [] : [{ file, names: namesIn(text) }];
    }),
  );
  return found.flat();
}

async function ownerOf(folder: string): Promise<number | undefined> {
  try {
    return (await stat(folder)).uid;
  } catch (error) {
    ignoreSystemError(error);
    return undefined;
  }
}

/** Returns the names of the variables to which Node would give a value. */
function namesIn(text: string): ReadonlySet<string> {
  const variables = Object.entries(parseEnv?.(text) ?? {});
  return new Set(variables.filter(([, value]) => (value ?? "").trim() !== "").map(([name]) => name));
}

async function readIfTrusted(
  path: string,
  folderOwner: number | undefined,
  allow: AllowRules | undefined,
): Promise<string | undefined> {
  let handle: FileHandle | undefined;
  try {
    if ((await allow?.file(path)) === false) return undefined;
    handle = await openToRead(path);
    // The checks are about the open file, because another file may take its place at any time.
    const opened = await handle.stat({ bigint: true });
    if (!opened.isFile() || (await allow?.file(path, opened)) === false) return undefined;
    const user = process.geteuid?.();
    const isOfOthers = user !== undefined && ![user, 0, folderOwner].includes(Number(opened.uid));
    const isOpenToAll = user !== undefined && (Number(opened.mode) & worldWritable) !== 0;
    if (isOfOthers || isOpenToAll) return undefined;
    const bytes = await readAtMost(handle, maxBytes + 1);
    return bytes.length > maxBytes ? undefined : bytes.toString("utf8").replace(/^\uFEFF/, "");
  } catch (error) {
    ignoreSystemError(error);
    return undefined;
  } finally {
    await handle?.close().catch(ignoreSystemError);
  }
}
