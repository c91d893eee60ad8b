import { dirname, isAbsolute, resolve } from "node:path";
import { type ParseArgsConfig, parseArgs, parseEnv } from "node:util";
import { printable } from "../lib/printable.js";
import { noWorkingFolder } from "../lib/working-folder.js";
import type { CommandIo } from "./io.js";
import { readEnvFile, UnreadableEnvFile } from "./read-env-file.js";

/** What was typed is wrong; the message is for the person who typed it. */
export class UsageError extends Error {}

const common = {
  config: { type: "string" },
  "env-file": { type: "string", multiple: true },
  help: { type: "boolean", short: "h" },
} as const satisfies ParseArgsConfig["options"];

/** The arguments of a command: its own options beside `--config`, `--env-file` and `--help`. */
export function parseOptions<O extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: O,
) {
  const parsed = parse(args, options);
  // As a path, nothing would be the working directory.
  const { config, "env-file": envFiles }: { config?: unknown; "env-file"?: unknown } = parsed.values;
  if (config === "") throw new UsageError("--config needs the name of a file");
  if (Array.isArray(envFiles) && envFiles.includes("")) {
    throw new UsageError("--env-file needs the name of a file");
  }
  return parsed;
}

function parse<O extends NonNullable<ParseArgsConfig["options"]>>(args: readonly string[], options: O) {
  try {
    return parseArgs({
      args: [...args],
      options: { ...options, ...common },
      allowPositionals: true,
      strict: true,
    });
  } catch (error) {
    // `parseArgs` explains itself well, in up to three sentences; the first says what is wrong. It shows the argument.
    const message = error instanceof Error ? printable(error.message) : "The arguments cannot be read.";
    throw new UsageError(message.split(". ")[0] ?? message);
  }
}

/** The environment with each `--env-file` under it: a variable that is set already wins, as with `node --env-file`. */
export async function environment(
  { cwd, env, signal }: Pick<CommandIo, "cwd" | "env" | "signal">,
  files: readonly string[] = [],
): Promise<CommandIo["env"]> {
  let merged: Record<string, string | undefined> = {};
  for (const file of files) {
    const text = await readEnvFile(resolve(folderFor(cwd, file), file), signal).catch((error: unknown) => {
      if (!(error instanceof UnreadableEnvFile)) throw error;
      throw new UsageError(
        `The file given by --env-file cannot be read (${error.message}): ${printable(file)}`,
      );
    });
    merged = { ...merged, ...parseEnv(text) };
  }
  return { ...merged, ...env };
}

/** Where a command begins: the working directory, or without one the folder of the config that is named by its full path. */
export function startingFolder(
  cwd: string | undefined,
  config: string | undefined,
  env: CommandIo["env"],
): string {
  return folderFor(cwd, config ?? env["MCP_AUTH_CONFIG"]);
}

function folderFor(cwd: string | undefined, path: string | undefined): string {
  if (cwd !== undefined) return cwd;
  if (path === undefined || !isAbsolute(path)) throw noWorkingFolder();
  return dirname(path);
}
