import { dirname, isAbsolute, resolve } from "node:path";
import { noWorkingFolder, workingFolder } from "../lib/working-folder.js";

interface Start {
  readonly cwd?: string;
  /** A path, or the config itself. */
  readonly config?: string | object;
}

/**
 * Where the search for a config begins. Without a working directory it is the folder of a config that is named by its full path.
 * Throws `config_not_found`.
 */
export function startingFolder(
  { cwd, config }: Start,
  env: Readonly<Record<string, string | undefined>>,
): string {
  if (cwd !== undefined && isAbsolute(cwd)) return cwd;
  const here = workingFolder();
  if (here !== undefined) return resolve(here, cwd ?? "");
  const named = config ?? env["MCP_AUTH_CONFIG"];
  if (cwd === undefined && typeof named === "string" && isAbsolute(named)) return dirname(named);
  throw noWorkingFolder();
}
