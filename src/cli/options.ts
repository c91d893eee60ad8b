import { resolve } from "node:path";
import type { LoadOptions } from "../config/load.js";
import { folderFor } from "../config/starting-folder.js";
import { printable } from "../lib/printable.js";
import type { CommonValues } from "./define-command.js";
import type { CommandIo } from "./io.js";

/** The command line is wrong. The message is for the person who typed it. */
export class UsageError extends Error {}

/**
 * Returns the environment with the variables of each `--env-file`. As with `node --env-file`, variables that are set
 * win. Prints a warning for each line that Node reads in another way than it looks.
 */
export async function environment(
  { cwd, env, signal, print }: Pick<CommandIo, "cwd" | "env" | "signal" | "print">,
  files: readonly string[] = [],
): Promise<CommandIo["env"]> {
  if (files.length === 0) return env;
  const [{ readEnvFile, UnreadableEnvFile }, { parseEnvText }] = await Promise.all([
    import("./env-file/read-env-file.js"),
    import("./env-file/env-text.js"),
  ]);
  let merged: Record<string, string | undefined> = {};
  for (const file of files) {
    const shown = printable(file);
    const text = await readEnvFile(resolve(folderFor(cwd, file), file), signal).catch((error: unknown) => {
      if (!(error instanceof UnreadableEnvFile)) throw error;
      throw new UsageError(
        `The file ${shown} of --env-file cannot be read: ${error.message}. Correct the path or its permissions.`,
      );
    });
    const { variables, mistakes } = parseEnvText(text);
    if (mistakes.length > 0 && Object.keys(variables).length === 0) {
      throw new UsageError(
        `The file ${shown} of --env-file has no line NAME=value. Name a file of variables.`,
      );
    }
    for (const { line, problem } of mistakes.slice(0, mostWarnings)) {
      print.note(`warning: ${shown}:${line}: this line ${problem}.`);
    }
    merged = { ...merged, ...variables };
  }
  return { ...merged, ...env };
}

/** A file of another format has a mistake in each line. */
const mostWarnings = 5;

/**
 * Returns what loads the config that the options of a command name. Rejects with `config_not_found` if the working
 * directory was deleted, and with `UsageError` for an `--env-file` that cannot be read.
 */
export async function loadOptions(
  io: Parameters<typeof environment>[0],
  { config: cliPath, "env-file": files }: CommonValues,
): Promise<Pick<LoadOptions, "cwd" | "env" | "cliPath">> {
  const env = await environment(io, files);
  return { cwd: startingFolder(io.cwd, cliPath, env), env, cliPath };
}

/** Returns the folder that relative paths of a command start from. Throws `config_not_found`. */
export function startingFolder(
  cwd: string | undefined,
  config: string | undefined,
  env: CommandIo["env"],
): string {
  return folderFor(cwd, config ?? env["MCP_AUTH_CONFIG"]);
}

/** Returns the error of a command about stored tokens if the config has no store. */
export function noStore(): UsageError {
  return new UsageError(
    'The config keeps tokens only in memory, so no command can reach them. Set "store" to the type file or redis.',
  );
}
