import { dirname, relative, sep } from "node:path";
import { asyncFileSystem } from "../../config/async-file-system.js";
import { readNamedConfig, searchConfig } from "../../config/find-config.js";
import { McpAuthError } from "../../errors/error.js";
import type { CommonValues } from "../define-command.js";
import type { CommandIo } from "../io.js";

/** The path of a key for the config. */
export interface KeyPlace {
  /** The path, relative to the config, or to where a config would be. */
  readonly path: string;
  readonly hasConfig: boolean;
}

/** Returns the path of a key as the config has it. `file` is absolute. */
export async function placeInConfig(
  file: string,
  { config }: CommonValues,
  { cwd, env }: Pick<CommandIo, "cwd" | "env">,
): Promise<KeyPlace> {
  const found = await configFolder(config ?? env["MCP_AUTH_CONFIG"], cwd);
  const folder = found ?? cwd;
  if (folder === undefined) return { path: file, hasConfig: false };
  const path = relative(folder, file).split(sep).join("/");
  const isBelow = !path.startsWith("../") && path !== file;
  return { path: isBelow ? `./${path}` : path, hasConfig: found !== undefined };
}

/** Returns the folder of the config. `undefined` if there is none, because a key is often made first. */
async function configFolder(
  config: string | undefined,
  cwd: string | undefined,
): Promise<string | undefined> {
  if (cwd === undefined) return config === undefined ? undefined : dirname(config);
  const search = { cwd, fs: asyncFileSystem };
  try {
    const found =
      config === undefined
        ? await searchConfig(search)
        : await readNamedConfig(config, { ...search, origin: "--config names" });
    return dirname(found.file);
  } catch (error) {
    if (error instanceof McpAuthError) return undefined;
    throw error;
  }
}
