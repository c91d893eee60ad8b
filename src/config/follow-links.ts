import type { BigIntStats } from "node:fs";
import { dirname, isAbsolute, join, parse, sep } from "node:path";
import type { FileSystem } from "./file-system.js";

/** The limit of Linux. */
const maxLinks = 40;

interface Step {
  readonly path: string;
  readonly stats: BigIntStats;
}

export interface FollowedPath {
  readonly links: readonly Step[];
  /** The folders in which a name was looked up after the first link was followed. */
  readonly foldersAfterLink: ReadonlySet<string>;
  /** The path without links. */
  readonly realPath: string;
  readonly stats: BigIntStats;
}

/**
 * Resolves a path one name after another, as the system does when it opens the path. Returns the links and folders on
 * the way. Throws `ELOOP` and the errors of the file system.
 */
export async function followLinks(path: string, fs: FileSystem): Promise<FollowedPath> {
  const links: Step[] = [];
  const foldersAfterLink = new Set<string>();
  const { root } = parse(path);
  if (path === root) return { links, foldersAfterLink, realPath: path, stats: await fs.lstat(path) };
  let folder = root;
  const names = path.slice(root.length).split(sep);
  let last: Step | undefined;
  for (let name = names.shift(); name !== undefined; name = names.shift()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      folder = dirname(folder);
      continue;
    }
    if (links.length > 0) foldersAfterLink.add(folder);
    const step = { path: join(folder, name), stats: await fs.lstat(join(folder, name)) };
    if (step.stats.isSymbolicLink()) {
      links.push(step);
      if (links.length > maxLinks) throw Object.assign(new Error("Too many links."), { code: "ELOOP" });
      const target = await fs.readlink(step.path);
      if (isAbsolute(target)) folder = root;
      names.unshift(...target.split(sep));
      last = undefined;
    } else {
      last = step;
      folder = step.path;
    }
  }
  last ??= { path: folder, stats: await fs.lstat(folder) };
  return { links, foldersAfterLink, realPath: last.path, stats: last.stats };
}
