import { constants, type Stats } from "node:fs";
import { lstat, open, readdir, readlink, realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { hasErrorCode } from "../lib/error-code.js";
import { NotOurs } from "./failure.js";
import { isOurs } from "./own-files.js";

/** Whose a folder is, and who may do what there. */
export interface Ownership {
  readonly uid: number;
  readonly mode: number;
}

const writableByAll = 0o002;
/** In such a folder everybody may remove only what is his own. */
const sticky = 0o1000;
/** As many as Linux follows. */
const mostLinks = 40;

/**
 * Makes sure that the folder of all entries, if it is there, may be used. Rejects with `NotOurs` where it, or what a symbolic
 * link in its place leads to, belongs to somebody else, where somebody else has put a link in the way, or where everybody may
 * put other files in place of ours: that is corrected only where there is nothing in it, since it may be the folder of
 * something else too.
 */
export async function keepStoreFolder(folder: string): Promise<void> {
  const user = process.geteuid?.();
  if (user === undefined) return;
  await assertNoLinkOfOthers(folder, user, mostLinks);
  const found = await look(folder, stat);
  if (found === undefined) return;
  const rule = ruleFor(found, user);
  if (rule === "refuse") throw new NotOurs("it belongs to another user");
  if (rule === "keep") return;
  if ((await readdir(folder)).length > 0) {
    throw new NotOurs("everybody may write to it, and there is something in it");
  }
  await close(await realpath(folder));
}

/** Makes the folder of an entry 0700. Rejects with `NotOurs` where something else is in its place. */
export async function keepEntryFolder(folder: string): Promise<void> {
  const found = await look(folder, lstat);
  if (found === undefined) return;
  assertEntryFolder(found);
  if ((found.mode & 0o077) !== 0 && process.geteuid !== undefined) await close(folder);
}

/** By what `lstat` tells. */
export function assertEntryFolder(found: Stats): void {
  if (found.isSymbolicLink()) throw new NotOurs("an entry in it is a link, which this package never makes");
  if (!found.isDirectory()) throw new NotOurs("something else is in place of an entry");
  if (!isOurs(found)) throw new NotOurs("an entry in it belongs to another user");
}

/**
 * Volumes of a container are often root's and open to all. For root, too, the folder of another user is refused: its owner
 * can put a link in place of an entry at any moment, and root writes wherever it leads.
 */
export function ruleFor({ uid, mode }: Ownership, user: number): "keep" | "close" | "refuse" {
  if (uid !== user) return uid === 0 ? "keep" : "refuse";
  return (mode & writableByAll) === 0 || (mode & sticky) !== 0 ? "keep" : "close";
}

/**
 * A link on the way to the store has to be ours, root's, or of the owner of the folder that it lies in, who decides what is
 * there: anybody else who may write to that folder could lead us into another folder of ours.
 */
async function assertNoLinkOfOthers(path: string, user: number, linksLeft: number): Promise<void> {
  const above = dirname(path);
  if (above === path) return;
  await assertNoLinkOfOthers(above, user, linksLeft);
  const found = await lookOrNothing(path, lstat);
  if (found?.isSymbolicLink() !== true) return;
  const { uid } = await stat(above);
  if (![user, 0, uid].includes(found.uid)) throw new NotOurs("a link on its path belongs to another user");
  if (linksLeft === 0) return;
  await assertNoLinkOfOthers(resolve(await realpath(above), await readlink(path)), user, linksLeft - 1);
}

/** `undefined` for what is not there, or no folder: whoever wants to use it is told. */
async function look(folder: string, how: typeof stat): Promise<Stats | undefined> {
  const found = await lookOrNothing(folder, how);
  return found?.isDirectory() === true || found?.isSymbolicLink() === true ? found : undefined;
}

async function lookOrNothing(path: string, how: typeof stat): Promise<Stats | undefined> {
  try {
    return await how(path);
  } catch (error) {
    if (hasErrorCode(error, "ENOENT", "ENOTDIR")) return undefined;
    throw error;
  }
}

async function close(folder: string): Promise<void> {
  try {
    // By its descriptor: by its name it might be another one by now.
    const handle = await open(
      folder,
      constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | (constants.O_NOFOLLOW ?? 0),
    );
    try {
      await handle.chmod(0o700);
    } finally {
      await handle.close();
    }
  } catch {
    // A file system that knows no modes has the same for everything, and what we keep there is sealed.
  }
}
