import nodePath, { type PlatformPath } from "node:path";

/** What differs between `node:path/posix` and `node:path/win32`. */
export type PathRules = Pick<PlatformPath, "isAbsolute" | "relative" | "resolve" | "sep">;

/**
 * Returns the path from a folder to a file in it, `""` for the folder itself, or `undefined` if the file is elsewhere.
 * On Windows, a file on another drive has no relative path. Both paths are absolute.
 */
export function pathInside(
  folder: string,
  file: string,
  { relative, isAbsolute, sep }: PathRules = nodePath,
): string | undefined {
  const steps = relative(folder, file);
  return steps === ".." || steps.startsWith(`..${sep}`) || isAbsolute(steps) ? undefined : steps;
}

/** Returns a relative path with `/` between its names, as configs and `.gitignore` have it on every system. */
export function withSlashes(path: string, { sep }: PathRules = nodePath): string {
  return path.split(sep).join("/");
}

/**
 * Returns how a config in `folder` names a file: `./` and its path if the file is in that folder, else its path with
 * `../`, else, on another drive of Windows, its full path.
 *
 * @param file absolute
 */
export function pathFrom(folder: string, file: string, paths: PathRules = nodePath): string {
  const inside = pathInside(folder, file, paths);
  if (inside !== undefined) return `./${withSlashes(inside, paths)}`;
  const steps = paths.relative(folder, file);
  return paths.isAbsolute(steps) ? file : withSlashes(steps, paths);
}
