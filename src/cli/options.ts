import { resolve } from "node:path";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { folderFor } from "../config/starting-folder.js";
import { errorCode } from "../errors/expected-errors.js";
import { printable } from "../lib/printable.js";
import type { CommandIo } from "./io.js";

/** The command line is wrong. The message is for the person who typed it. */
export class UsageError extends Error {}

const common = {
  config: { type: "string" },
  "env-file": { type: "string", multiple: true },
  help: { type: "boolean", short: "h" },
} as const satisfies ParseArgsConfig["options"];

/**
 * Parses the arguments of a command: its own `options`, and `--config`, `--env-file` and `--help`. Throws `UsageError`.
 */
export function parseOptions<O extends NonNullable<ParseArgsConfig["options"]>>(
  args: readonly string[],
  options: O,
) {
  const parsed = parse(args, options);
  // An empty path would be the working directory.
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
    if (!(error instanceof Error) || errorCode(error)?.startsWith("ERR_PARSE_ARGS_") !== true) throw error;
    // The first sentence says what is wrong. It contains the argument, so it must be escaped.
    const message = printable(error.message);
    throw new UsageError(message.split(". ")[0] ?? message);
  }
}

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
    import("./read-env-file.js"),
    import("./env-text.js"),
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
    'The config keeps tokens only in memory, so no command can reach them. Set "store" to the type file or redis',
  );
}
