import { dirname, resolve } from "node:path";
import { asyncFileSystem } from "../../config/async-file-system.js";
import { readNamedConfig, searchConfig } from "../../config/find-config.js";
import { entries, type Json, property } from "../../config/json.js";
import { checkConfig } from "../../config/load.js";
import { McpAuthError } from "../../errors/error.js";
import { pathFrom } from "../../lib/path-inside.js";
import type { CommonValues } from "../define-command.js";
import type { CommandIo } from "../io.js";

/** The path of a key for the config. */
export interface KeyPlace {
  /** The path, relative to the config, or to where a config would be. */
  readonly path: string;
  readonly hasConfig: boolean;
  /** The name of what already uses the file in the config: a key, a client or a server. */
  readonly usedBy?: string | undefined;
}

/** Returns the path of a key as the config has it. `file` is absolute. */
export async function placeInConfig(
  file: string,
  { config }: CommonValues,
  { cwd, env }: Pick<CommandIo, "cwd" | "env">,
): Promise<KeyPlace> {
  const named = config ?? env["MCP_AUTH_CONFIG"];
  const found = await configFolder(named, cwd);
  const folder = found ?? cwd;
  if (folder === undefined) return { path: file, hasConfig: false };
  const usedBy =
    found === undefined ? undefined : await userOf(file, found, { cwd: cwd ?? found, env, cliPath: named });
  return { path: pathFrom(folder, file), hasConfig: found !== undefined, usedBy };
}

/** Returns what the config names this key after. A config with mistakes is read as far as possible. */
async function userOf(
  file: string,
  folder: string,
  options: Parameters<typeof checkConfig>[0],
): Promise<string | undefined> {
  const { document } = await checkConfig(options);
  const isUser = (owner: Json): boolean =>
    [...privateKeysIn(owner)].some((path) => resolve(folder, path) === file);
  for (const section of ["keys", "clients", "servers"]) {
    const user = entries(property(document?.value, section)).find(([, owner]) => isUser(owner));
    if (user !== undefined) return user[0];
  }
  return undefined;
}

function* privateKeysIn(value: Json): Generator<string> {
  for (const [name, inner] of entries(value)) {
    const path = property(inner, "file");
    if (name === "privateKey" && typeof path === "string") yield path;
    else yield* privateKeysIn(inner);
  }
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
