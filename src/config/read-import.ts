import { dirname, resolve } from "node:path";
import { McpAuthError } from "../errors/error.js";
import type { AllowRules } from "../lib/permissions.js";
import { printable, quoted } from "../lib/printable.js";
import type { Report } from "./check-context.js";
import type { FileContent, FileSystem } from "./file-system.js";
import { type ConfigFile, read, readAndAssess, withoutByteOrderMark } from "./find-config.js";
import { untrustedImport, whyCommandsAreForbidden } from "./find-config-errors.js";
import { folderAndParents } from "./project-folders.js";
import { createTrust, findWriteWarnings } from "./trust.js";

export interface ReadImportOptions {
  readonly cwd: string;
  readonly fs: FileSystem;
  /** The config that names the file. Absent: it was given in code, which counts as named by a person. */
  readonly configFile: ConfigFile | undefined;
  /** Absent: any file may be read. */
  readonly allow: AllowRules | undefined;
}

/** A file that a config imports, not parsed yet. */
export interface ImportedFile extends Pick<ConfigFile, "commands" | "warnings"> {
  /** Without a byte order mark. */
  readonly text: string;
}

/**
 * Reads a file that a config imports. If the search found the config, the file must be trusted as the config is,
 * because it decides where tokens are sent.
 *
 * @param file its absolute path
 * @returns the file, or the mistake that the config makes by naming it
 */
export async function readImport(
  file: string,
  options: ReadImportOptions,
): Promise<ImportedFile | { readonly mistake: Report }> {
  const { configFile, allow } = options;
  // Not even opened: the message could tell the author of the config whether it exists.
  if (allow !== undefined && !(await allow.file(file))) return { mistake: await notAllowed() };
  try {
    return configFile === undefined || configFile.named
      ? await readNamed(file, options)
      : await readFound(file, configFile, options);
  } catch (error) {
    // The file cannot be read, for a reason that a config can have too.
    const [violation] = (error instanceof McpAuthError ? error.violations : undefined) ?? [];
    if (violation === undefined) throw error;
    const { message, hint } = violation;
    const reason = message.charAt(0).toLowerCase() + message.slice(1);
    return {
      mistake: {
        message: `Cannot import ${quoted(file)}: ${reason}`,
        ...(hint !== undefined && { hint }),
      },
    };
  }
}

async function readNamed(file: string, { fs, allow }: ReadImportOptions) {
  const content = await read(file, fs);
  if (content === undefined) return { mistake: missing(file) };
  const warnings = await findWriteWarnings(file, content.stats, fs, "imported file");
  return await accepted(file, content, { warnings: warnings.map(printable) }, allow);
}

async function readFound(file: string, configFile: ConfigFile, { cwd, fs, allow }: ReadImportOptions) {
  const trust = await createTrust(resolve(cwd), fs);
  const assessed = await readAndAssess(file, foldersOf(file, configFile.file, trust.cwd), trust);
  if (assessed === undefined) return { mistake: missing(file) };
  const { content, problems, isForeign } = assessed;
  if (problems.length > 0) return { mistake: await untrustedImport(file, configFile.file, problems) };
  // The owner of the file could lead the secret that a command prints to any server.
  const forbidden =
    isForeign && trust.otherOwner !== undefined
      ? await whyCommandsAreForbidden(configFile.file, trust.cwd, trust.otherOwner, file)
      : undefined;
  return await accepted(
    file,
    content,
    { warnings: [], ...(forbidden !== undefined && { commands: { forbidden } }) },
    allow,
  );
}

/** Checks the file that was opened, because another one may have taken its place since. */
async function accepted(
  file: string,
  { text, stats }: FileContent,
  rest: Pick<ImportedFile, "commands" | "warnings">,
  allow: AllowRules | undefined,
): Promise<ImportedFile | { readonly mistake: Report }> {
  if (allow !== undefined && !(await allow.file(file, stats))) return { mistake: await notAllowed() };
  return { text: withoutByteOrderMark(text), ...rest };
}

/**
 * Returns the folders that must be trusted: those from the working directory to the config, as for the config itself,
 * and those of the imported file up to one of them or to a folder above them. Who can change a folder above the config
 * can also replace the config.
 */
function foldersOf(file: string, config: string, cwd: string): readonly string[] {
  const above = folderAndParents(cwd);
  const toConfig = [...above.slice(0, Math.max(above.indexOf(dirname(config)), 0)), dirname(config)];
  const known = new Set([...above, ...folderAndParents(dirname(config))]);
  const own = folderAndParents(dirname(file));
  const end = own.findIndex((folder) => known.has(folder));
  return [...new Set([...toConfig, ...own.slice(0, end === -1 ? own.length : end)])];
}

function missing(file: string): Report {
  return {
    message: `Cannot import ${quoted(file)}: the file does not exist`,
    hint: "Correct the path, which is relative to the config file, or remove `import`",
  };
}

async function notAllowed(): Promise<Report> {
  return (await import("./check-allowed.js")).fileNotAllowed;
}
