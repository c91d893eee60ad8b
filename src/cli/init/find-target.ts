import { lstat } from "node:fs/promises";
import { basename, extname, join, resolve } from "node:path";
import { asyncFileSystem as fs } from "../../config/async-file-system.js";
import { configFileNames, configProperty, packageJson } from "../../config/cosmiconfig.js";
import { type ConfigFile, readNamedConfig, searchConfig } from "../../config/find-config.js";
import { invalidConfig } from "../../config/format-violation.js";
import type { Json } from "../../config/json.js";
import { checkConfig } from "../../config/load.js";
import { parseJson } from "../../config/parse-json.js";
import type { SourceDocument } from "../../config/source-document.js";
import { McpAuthError, type Violation } from "../../errors/error.js";
import { systemErrorCode } from "../../errors/expected-errors.js";
import { printable } from "../../lib/printable.js";
import { startingFolder, UsageError } from "../options.js";

/** The config that a command adds to. */
export interface Target extends Pick<ConfigFile, "notation"> {
  /** Absolute. */
  readonly file: string;
  /** Whether the file does not exist yet. */
  readonly isNew: boolean;
  /** Empty for a new file. */
  readonly text: string;
  /** The config as it is written, without the values of variables. */
  readonly written: Json;
  /** The config with the values of its variables. */
  readonly value: Json;
  /** What is already wrong with it. */
  readonly violations: readonly Violation[];
}

export interface TargetOptions {
  readonly cwd: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The path of `--config`. */
  readonly config: string | undefined;
}

/**
 * Finds the config as every command does. If there is none, it is the file that was named, else `mcp-auth.config.json`
 * in the working directory. Throws `config_invalid` for a config that cannot be read, and `UsageError` for one that
 * another user may have written.
 */
export async function findTarget({ cwd: from, env, config }: TargetOptions): Promise<Target> {
  const cwd = startingFolder(from, config, env);
  const named = config ?? (env["MCP_AUTH_CONFIG"] || undefined);
  const found = await (named === undefined
    ? search(cwd)
    : readNamed(resolve(cwd, named), config !== undefined));
  if (typeof found === "string") {
    const notation = /^\.ya?ml$/.test(extname(found)) ? "yaml" : "json";
    return { file: found, notation, isNew: true, text: "", written: {}, value: {}, violations: [] };
  }
  if (found.commands !== undefined) throw foreign();
  const { file, notation, text } = found;
  const written = await parseConfig(found);
  const { document, violations } = await checkConfig({ cliPath: file, cwd, env });
  if (written.value === undefined || document === undefined) {
    throw invalidConfig(`The config ${printable(file)}`, violations);
  }
  return { file, notation, isNew: false, text, written: written.value, value: document.value, violations };
}

/** Parses the text of a config, with positions. */
export async function parseConfig({
  file,
  text,
  notation,
}: Pick<ConfigFile, "file" | "text" | "notation">): Promise<SourceDocument> {
  if (notation === "yaml") return (await import("../../config/parse-yaml.js")).parseYaml(file, text);
  return parseJson(file, text, notation === packageJson ? configProperty : undefined);
}

/** Returns the config that a search finds, or the file to create. */
async function search(cwd: string): Promise<ConfigFile | string> {
  try {
    return await searchConfig({ cwd, fs });
  } catch (error) {
    if (!(error instanceof McpAuthError) || error.code !== "config_not_found") throw error;
    return join(cwd, configFileNames[0] ?? "");
  }
}

/** Reads a config that was named, or returns its path if nothing is there and the file can be created. */
async function readNamed(file: string, byOption: boolean): Promise<ConfigFile | string> {
  try {
    return await readNamedConfig(file, {
      cwd: "/",
      fs,
      origin: byOption ? "--config names" : "MCP_AUTH_CONFIG names",
    });
  } catch (error) {
    const isMissing = error instanceof McpAuthError && error.code === "config_not_found";
    if (!isMissing || basename(file) === packageJson || (await exists(file))) throw error;
    return file;
  }
}

/** Whether anything is there: also a link to nothing, which must not be followed. */
async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === undefined) throw error;
    return systemErrorCode(error) !== "ENOENT";
  }
}

function foreign(): UsageError {
  // The owner of the folder could replace the file with a link, and make this user write to any file.
  return new UsageError(
    "The config is not changed, because the search found it in a working directory of another user. If you trust " +
      "that user, name the config with --config FILE",
  );
}
