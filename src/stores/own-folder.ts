import type { Stats } from "node:fs";
import { chmod, lstat, readdir, stat } from "node:fs/promises";
import { hasCode } from "./error-code.js";

/** Whose a folder is, and who may do what there. */
export interface Ownership {
  readonly uid: number;
  readonly mode: number;
}

const writableByAll = 0o002;
/** In such a folder everybody may remove only what is his own. */
const sticky = 0o1000;

/**
 * Whether the folder of all entries may be used, which was there before; `false` when there is none. Rejects where it, or
 * what a symbolic link in its place leads to, belongs to somebody else, or where everybody may put other files in place of
 * ours: that is mended only where there is nothing in it, since it may be the folder of something else too.
 */
export async function keepStoreFolder(folder: string): Promise<boolean> {
  const found = await look(folder, stat);
  if (found === undefined) return false;
  const user = process.getuid?.();
  if (user === undefined) return true;
  const rule = ruleFor(found, user);
  if (rule === "refuse") throw new Error("The folder of the file store belongs to somebody else.");
  if (rule === "keep") return true;
  if ((await readdir(folder)).length > 0) {
    throw new Error("Everybody may write to the folder of the file store, and there is something in it.");
  }
  await close(folder);
  return true;
}

/** Makes the folder of an entry 0700. Rejects where it belongs to somebody else, or is a link. */
export async function keepEntryFolder(folder: string): Promise<void> {
  const found = await look(folder, lstat);
  const user = process.getuid?.();
  if (found === undefined || user === undefined) return;
  if (ruleFor(found, user) === "refuse")
    throw new Error("An entry of the file store belongs to somebody else.");
  if ((found.mode & 0o077) !== 0) await close(folder);
}

/** Root may do everything anyway, and volumes of a container are often root's and open to all. */
export function ruleFor({ uid, mode }: Ownership, user: number): "keep" | "close" | "refuse" {
  if (uid !== user) return uid === 0 || user === 0 ? "keep" : "refuse";
  return (mode & writableByAll) === 0 || (mode & sticky) !== 0 ? "keep" : "close";
}

/** `undefined` for what is not there, or no folder: whoever wants to use it is told. */
async function look(folder: string, how: typeof stat): Promise<Stats | undefined> {
  let found: Stats;
  try {
    found = await how(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return undefined;
    throw error;
  }
  if (found.isSymbolicLink()) throw new Error("An entry of the file store is a link, which it never makes.");
  return found.isDirectory() ? found : undefined;
}

async function close(folder: string): Promise<void> {
  // A file system that knows no modes has the same for everything, and what we keep there is sealed.
  await chmod(folder, 0o700).catch(() => {});
}
