import { constants, type Stats } from "node:fs";
import { access, lstat, opendir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { hasErrorCode } from "../errors/expected-errors.js";

/** Why a folder cannot be used or created. */
export interface FolderProblem {
  /** The folder that is in the way: the one that was asked about, or the nearest existing folder above it. */
  readonly at: string;
  /** The error of the file system. */
  readonly error: Error;
}

/**
 * Returns why this process cannot write to a folder, or cannot create it if it does not exist. Changes nothing, so it
 * does not notice a full disk.
 */
export async function findFolderProblem(folder: string): Promise<FolderProblem | undefined> {
  for (let at = folder; ; at = dirname(at)) {
    try {
      const found = await statsOf(at);
      if (found === undefined && dirname(at) !== at) continue;
      // Windows says only of a folder that it is missing, whatever is in its place above.
      if (found?.isDirectory() === false) throw Object.assign(new Error("ENOTDIR"), { code: "ENOTDIR" });
      if (at === folder) await (await opendir(at)).close();
      await access(at, constants.W_OK | constants.X_OK);
      return undefined;
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return { at, error };
    }
  }
}

/** Returns what is there, if anything. Rejects for a link that leads to nothing: a folder cannot be created there. */
async function statsOf(path: string): Promise<Stats | undefined> {
  try {
    await lstat(path);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT")) return undefined;
    throw error;
  }
  return await stat(path);
}
