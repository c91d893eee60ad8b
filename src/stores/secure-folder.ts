import { constants, type Stats } from "node:fs";
import { lstat, open, readdir, readlink, realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { hasErrorCode, ignoreSystemError } from "../errors/expected-errors.js";
import { NotOurs } from "./failure.js";
import { isOurs } from "./own-files.js";

/** Owner and mode of a folder. */
export interface Ownership {
  readonly uid: number;
  readonly mode: number;
}

const writableByAll = 0o002;
/** In a folder with this mode bit, users can remove only their own files. */
const sticky = 0o1000;
/** Linux does not follow more links than this. */
const maxLinks = 40;

/**
 * Checks that the folder of the store is safe to use, if it exists. Follows a symbolic link in its place. Rejects with
 * `NotOurs` if the folder belongs to another user, if another user has put a link into its path, or if every user can
 * replace our files. In the last case, an empty folder gets mode 0700 instead. A folder that is not empty may also have
 * another purpose, so its mode stays.
 */
export async function secureStoreFolder(folder: string): Promise<void> {
  if ((await assertSafeFolder(folder)) === "close") await makePrivate(await realpath(folder));
}

/** Makes the checks of `secureStoreFolder`, but changes nothing. Returns whether an empty folder needs mode 0700. */
export async function assertSafeFolder(folder: string): Promise<"keep" | "close"> {
  const user = process.geteuid?.();
  if (user === undefined) return "keep";
  await assertNoLinkOfOthers(folder, user, maxLinks);
  const found = await folderStats(folder, stat);
  if (found === undefined) return "keep";
  const rule = ruleFor(found, user);
  if (rule === "refuse") throw new NotOurs("it belongs to another user");
  if (rule === "close" && (await readdir(folder)).length > 0) {
    throw new NotOurs("everybody may write to it, and there is something in it");
  }
  return rule;
}

/** Gives the folder of an entry mode 0700. Rejects with `NotOurs` if something else is in its place. */
export async function secureEntryFolder(folder: string): Promise<void> {
  const found = await folderStats(folder, lstat);
  if (found === undefined) return;
  assertEntryFolder(found);
  if ((found.mode & 0o077) !== 0 && process.geteuid !== undefined) await makePrivate(folder);
}

/**
 * Throws `NotOurs` unless this is the folder of an entry.
 *
 * @param found what `lstat` returned
 */
export function assertEntryFolder(found: Stats): void {
  if (found.isSymbolicLink()) throw new NotOurs("an entry in it is a link, which this package never makes");
  if (!found.isDirectory()) throw new NotOurs("something else is in place of an entry");
  if (!isOurs(found)) throw new NotOurs("an entry in it belongs to another user");
}

/**
 * Returns whether a folder may be used as it is, needs mode 0700 first, or must not be used. A folder of root may be
 * open to everybody, as volumes of a container often are. A folder of another user must not be used even by root: its
 * owner could put a link in place of an entry, and root would write wherever the link points.
 */
export function ruleFor({ uid, mode }: Ownership, user: number): "keep" | "close" | "refuse" {
  if (uid !== user) return uid === 0 ? "keep" : "refuse";
  return (mode & writableByAll) === 0 || (mode & sticky) !== 0 ? "keep" : "close";
}

/**
 * Checks the symbolic links in the path of the store. Each must belong to our user, to root, or to the owner of the
 * folder that contains it. Any other user who can write to that folder could redirect us to another folder of ours.
 */
async function assertNoLinkOfOthers(path: string, user: number, linksLeft: number): Promise<void> {
  const parent = dirname(path);
  if (parent === path) return;
  await assertNoLinkOfOthers(parent, user, linksLeft);
  const found = await statsIfThere(path, lstat);
  if (found?.isSymbolicLink() !== true) return;
  const { uid } = await stat(parent);
  if (![user, 0, uid].includes(found.uid)) throw new NotOurs("a link on its path belongs to another user");
  if (linksLeft === 0) return;
  await assertNoLinkOfOthers(resolve(await realpath(parent), await readlink(path)), user, linksLeft - 1);
}

/** Returns the stats of a folder or link; `undefined` for anything else, because using it fails with a clear error. */
async function folderStats(folder: string, read: typeof stat): Promise<Stats | undefined> {
  const found = await statsIfThere(folder, read);
  return found?.isDirectory() === true || found?.isSymbolicLink() === true ? found : undefined;
}

async function statsIfThere(path: string, read: typeof stat): Promise<Stats | undefined> {
  try {
    return await read(path);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

async function makePrivate(folder: string): Promise<void> {
  try {
    // Changes the mode of the open folder, because another folder may have its name by now.
    const handle = await open(
      folder,
      constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0),
    );
    try {
      await handle.chmod(0o700);
    } finally {
      await handle.close();
    }
  } catch (error) {
    // Some file systems do not have modes. That is acceptable, because the values in the store are encrypted.
    ignoreSystemError(error);
  }
}
