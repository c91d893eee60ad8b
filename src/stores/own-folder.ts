import type { Stats } from "node:fs";
import { chmod, stat } from "node:fs/promises";
import { hasCode } from "./error-code.js";

/** Whose a folder is, and who may go in. */
export interface Ownership {
  readonly uid: number;
  readonly mode: number;
}

/**
 * Makes a folder that was there before 0700. Rejects where it, or what a symbolic link in its place leads to, belongs to
 * somebody else, who could put other files in place of ours. `false` when there is none. With `lstat` a link is rejected.
 */
export async function keepToOwner(folder: string, look = stat): Promise<boolean> {
  let found: Stats;
  try {
    found = await look(folder);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return false;
    throw error;
  }
  if (found.isSymbolicLink()) throw new Error("An entry of the file store is a link, which it never makes.");
  // Whoever wants to use it as a folder is told.
  if (!found.isDirectory()) return false;
  // Windows has lists of who may do what, inherited from the user's own folder.
  const user = process.getuid?.();
  if (user === undefined) return true;
  const rule = ruleFor(found, user);
  if (rule === "refuse") throw new Error("The folder of the file store belongs to somebody else.");
  // A file system that knows no modes has the same for everything, and what we keep there is sealed.
  if (rule === "close") await chmod(folder, 0o700).catch(() => {});
  return true;
}

/** Root may do everything anyway, and volumes of a container are often root's and open to all. */
export function ruleFor({ uid, mode }: Ownership, user: number): "keep" | "close" | "refuse" {
  if (uid === user) return (mode & 0o077) === 0 ? "keep" : "close";
  return uid === 0 ? "keep" : "refuse";
}
