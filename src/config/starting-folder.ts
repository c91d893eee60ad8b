import { dirname, isAbsolute, resolve } from "node:path";
import { noWorkingFolder, workingFolder } from "../lib/working-folder.js";

interface Start {
  readonly cwd?: string;
  /** A path, or the config itself. */
  readonly config?: string | object;
}

/** Returns the folder that the search for a config starts from. Throws `config_not_found` if there is none. */
export function startingFolder(
  { cwd, config }: Start,
  env: Readonly<Record<string, string | undefined>>,
): string {
  if (cwd !== undefined && isAbsolute(cwd)) return cwd;
  const here = workingFolder();
  if (here !== undefined) return resolve(here, cwd ?? "");
  return folderFor(undefined, cwd === undefined ? (config ?? env["MCP_AUTH_CONFIG"]) : undefined);
}

/**
 * Returns the working directory or, if it was deleted, the folder of a file that is named by its absolute path. Throws
 * `config_not_found` if there is neither.
 */
export function folderFor(workingDirectory: string | undefined, path: unknown): string {
  if (workingDirectory !== undefined) return workingDirectory;
  if (typeof path === "string" && isAbsolute(path)) return dirname(path);
  throw noWorkingFolder();
}
