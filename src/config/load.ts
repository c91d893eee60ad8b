import { dirname } from "node:path";
import { McpAuthError, type Violation } from "../errors/error.js";
import type { AllowRules } from "../lib/permissions.js";
import { printable } from "../lib/printable.js";
import { unreachable } from "../lib/unreachable.js";
import { buildConfig } from "./build-config.js";
import { type CheckedDocument, checkDocument } from "./check-document.js";
import { configProperty } from "./cosmiconfig.js";
import type { McpAuthConfig, McpAuthConfigWithImport } from "./define-config.js";
import type { FileSystem } from "./file-system.js";
import { type ConfigFile, readNamedConfig, rereadFoundConfig, searchConfig } from "./find-config.js";
import { invalidConfig } from "./format-violation.js";
import type { WithImports } from "./import-urls.js";
import { type Change, type Json, type Path, property, toPointer, withChange } from "./json.js";
import { parsePlainJson } from "./parse-plain-json.js";
import {
  type LocatedMistake,
  locate,
  type Mistake,
  type SourceDocument,
  toViolations,
} from "./source-document.js";
import type { ConfigSpec } from "./spec.js";

export interface LoadOptions {
  /** A path or the config itself, given in code. */
  readonly config?: string | McpAuthConfig | McpAuthConfigWithImport | undefined;
  /** The path of `--config`. It wins over all others. */
  readonly cliPath?: string | undefined;
  /** Absolute: the file of an earlier load, which is read again without a search. */
  readonly pinned?: string | undefined;
  /** Whether a person named the pinned file; otherwise its trust is checked as in a search. */
  readonly pinnedByName?: boolean | undefined;
  /** Whether a store given in code replaces that of the config. */
  readonly hasStore?: boolean | undefined;
  /** Absolute. The search starts here, and relative paths of an object config are relative to it. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether no variable is read, and one without a default counts as unknown and not as a mistake. */
  readonly ignoreVariables?: boolean | undefined;
  /** Default: `asyncFileSystem`, loaded when it is needed. */
  readonly fs?: FileSystem;
  /** What the config may use. Absent: anything. */
  readonly allow?: AllowRules | undefined;
}

export interface CheckedConfig {
  /** Absolute; absent for an object. */
  readonly file?: string;
  /** In the order of the file. */
  readonly violations: readonly Violation[];
  /** Whether the search found the file in a working directory of another user, who can replace the file at any time. */
  readonly isForeign: boolean;
  /** Warnings about the file for the person who runs this, safe to print. */
  readonly warnings: readonly string[];
  /** Present if the config as a whole is valid, even if some servers cannot be used. */
  readonly spec?: ConfigSpec;
  /**
   * Returns what the file would say with other values, `undefined` if it would then be invalid. Changes no file. Present
   * if the config as a whole is valid.
   */
  readonly withChanges?: (changes: readonly Change[]) => Promise<ConfigSpec | undefined>;
  /** The parsed config, for checks of what it names on this machine. Absent if the file could not be read or parsed. */
  readonly document?: CheckedValue;
  /** The text of the file after all corrections that can be made without asking. Absent if there are none. */
  readonly fixed?: { readonly text: string; readonly count: number };
}

export interface CheckedValue {
  /** The config with the values of its variables. It may have mistakes. */
  readonly value: Json;
  /** Relative paths of the config are relative to this folder. */
  readonly folder: string;
  /** Whether a variable at this path, or in it, has no value. */
  readonly isUnresolved: (path: Path) => boolean;
  /** Finds the places of what other checks find, and returns it in the order of the text. */
  readonly locate: <M extends Mistake>(mistakes: readonly M[]) => Promise<readonly LocatedMistake<M>[]>;
}

/**
 * Finds, reads and validates the config. Reads no secret.
 *
 * Throws `config_not_found`, or `config_invalid` with all `violations`. A mistake that concerns only some servers, such
 * as a variable without a value, makes their entries have a `failure` instead of a `spec`.
 */
export async function loadConfig(options: LoadOptions): Promise<ConfigSpec> {
  const source = await readAndCheck(options);
  const { document, checked } = source;
  if (checked.mistakes.length === 0) return buildConfig(source);
  const file = document.file === undefined ? "" : ` ${printable(document.file)}`;
  throw invalidConfig(`The config${file}`, toViolations(document, checked.mistakes));
}

/** Returns every violation of the config, including those of single servers. Throws `config_not_found`. */
export async function checkConfig(options: LoadOptions): Promise<CheckedConfig> {
  let source: Source;
  try {
    source = await readAndCheck(options);
  } catch (error) {
    // A file that cannot be read or is not trusted has a violation too.
    if (!(error instanceof McpAuthError) || error.violations === undefined) throw error;
    const { violations } = error;
    const file = violations[0]?.file;
    return { ...(file !== undefined && { file }), violations, isForeign: false, warnings: [] };
  }
  const { document, checked, configFile, imports } = source;
  const fixed = await fixedText(source);
  return {
    ...(document.file !== undefined && { file: document.file }),
    violations: toViolations(document, [...checked.mistakes, ...checked.serverMistakes]),
    isForeign: configFile?.commands !== undefined,
    warnings: [...(configFile?.warnings ?? []), ...(imports?.warnings ?? [])],
    ...(checked.mistakes.length === 0 && {
      spec: buildConfig(source),
      withChanges: (changes) => changedSpec(source, changes, options),
    }),
    ...(document.value !== undefined && { document: checkedValue(source) }),
    ...(fixed !== undefined && { fixed }),
  };
}

async function changedSpec(
  source: Source,
  changes: readonly Change[],
  options: LoadOptions,
): Promise<ConfigSpec | undefined> {
  const { folder, imports } = source;
  const unchanged = imports?.value ?? source.document.value ?? null;
  const document = { ...source.document, value: changes.reduce(withChange, unchanged), mistakes: [] };
  const checked = await checkDocument(document, { ...options, folder });
  return checked.mistakes.length === 0 ? buildConfig({ ...source, document, checked }) : undefined;
}

function checkedValue({ document, configFile, checked, folder }: Source): CheckedValue {
  // All places of mistakes, and everything around them: a config may have thousands of both.
  const unresolved = new Set(
    [...checked.serverMistakes, ...checked.unknown].flatMap(({ path }) =>
      path.map((_, index) => toPointer(path.slice(0, index + 1))),
    ),
  );
  let positioned: Promise<SourceDocument> | undefined;
  return {
    value: checked.value,
    folder,
    isUnresolved: (path) => unresolved.has(toPointer(path)),
    async locate(mistakes) {
      if (mistakes.length === 0) return [];
      if (document.positions.size === 0 && configFile !== undefined) {
        positioned ??= parseWithPositions(configFile);
      }
      return locate((await positioned) ?? document, mistakes);
    },
  };
}

async function fixedText({ document, checked }: Source): Promise<CheckedConfig["fixed"]> {
  const { applyEdits, editFor } = await import("./fix.js");
  const edits = checked.mistakes.flatMap((mistake) => editFor(document, mistake) ?? []);
  if (edits.length === 0 || document.text === undefined) return undefined;
  return { text: applyEdits(document.text, edits), count: edits.length };
}

interface ReadDocument {
  readonly document: SourceDocument;
  /** Absent for a config given as an object. */
  readonly configFile: ConfigFile | undefined;
}

interface Source extends ReadDocument {
  readonly checked: CheckedDocument;
  /** Present if the config imports a file. */
  readonly imports?: WithImports | undefined;
  /** Relative paths of the config are relative to this folder. */
  readonly folder: string;
}

async function readAndCheck(options: LoadOptions): Promise<Source> {
  const read = await readDocument(options);
  const { document, configFile } = read;
  const folder = document.file === undefined ? options.cwd : dirname(document.file);
  if (property(document.value, "import") !== undefined) return await importAndCheck(read, folder, options);
  const checked = await checkDocument(document, { ...options, folder });
  const isValid = checked.mistakes.length + checked.serverMistakes.length === 0;
  if (isValid || configFile === undefined) return { ...read, checked, folder };
  return { document: await parseWithPositions(configFile), configFile, checked, folder };
}

async function importAndCheck(read: ReadDocument, folder: string, options: LoadOptions): Promise<Source> {
  const { document, configFile } = read;
  const { importUrls, locateImport } = await import("./import-urls.js");
  const fs = options.fs ?? (await import("./async-file-system.js")).asyncFileSystem;
  const { cwd, env, allow } = options;
  const imports = await importUrls(document.value ?? null, { configFile, folder, cwd, env, allow, fs });
  const { value, imported } = imports;
  const mistakes = [...document.mistakes, ...imports.mistakes];
  const checked = await checkDocument({ ...document, value, mistakes }, { ...options, folder });
  const isValid = checked.mistakes.length + checked.serverMistakes.length === 0;
  if (isValid) return { ...read, checked, folder, imports };
  const located = configFile === undefined ? document : await parseWithPositions(configFile);
  const withImport =
    imported === undefined ? located : { ...located, imported: await locateImport(imported) };
  return { document: withImport, configFile, checked, folder, imports };
}

async function readDocument(options: LoadOptions): Promise<ReadDocument> {
  const { config, cliPath, pinned, pinnedByName, cwd, env } = options;
  if (config !== undefined && typeof config !== "string" && pinned === undefined && cliPath === undefined) {
    const { readObject } = await import("./read-object.js");
    return { document: readObject(config), configFile: undefined };
  }
  const fs = options.fs ?? (await import("./async-file-system.js")).asyncFileSystem;
  if (pinned !== undefined) {
    const read = pinnedByName === true ? readNamedConfig : rereadFoundConfig;
    return await parse(await read(pinned, { cwd, fs, origin: "This runtime was created from" }));
  }
  const named = namedPath(config, cliPath, env);
  const configFile =
    named === undefined
      ? await searchConfig({ cwd, fs })
      : await readNamedConfig(named.path, { cwd, fs, origin: named.origin });
  return await parse(configFile);
}

function namedPath(
  config: LoadOptions["config"],
  cliPath: string | undefined,
  env: LoadOptions["env"],
): { readonly path: string; readonly origin: string } | undefined {
  if (cliPath !== undefined) return { path: cliPath, origin: "--config names" };
  if (typeof config === "string") return { path: config, origin: "The option `config` names" };
  const fromEnv = env["MCP_AUTH_CONFIG"];
  if (fromEnv === undefined || fromEnv === "") return undefined;
  return { path: fromEnv, origin: "MCP_AUTH_CONFIG names" };
}

/**
 * Parses plain JSON without a library and without positions. `readAndCheck` collects positions if there is a mistake.
 */
async function parse(configFile: ConfigFile): Promise<ReadDocument> {
  const { file, text, notation } = configFile;
  const value = notation === "json" ? parsePlainJson(text) : undefined;
  const document =
    value === undefined
      ? await parseWithPositions(configFile)
      : { file, text, prefix: [], value, mistakes: [], positions: new Map() };
  return { document, configFile };
}

async function parseWithPositions({ file, text, notation }: ConfigFile): Promise<SourceDocument> {
  switch (notation) {
    case "yaml":
      return (await import("./parse-yaml.js")).parseYaml(file, text);
    case "json":
      return (await import("./parse-json.js")).parseJson(file, text);
    case "package.json":
      return (await import("./parse-json.js")).parseJson(file, text, configProperty);
    default:
      return unreachable(notation);
  }
}
