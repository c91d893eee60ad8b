import { dirname } from "node:path";
import { McpAuthError, type Violation } from "../errors/error.js";
import type { AllowRules } from "../lib/permissions.js";
import { buildNetwork } from "./build-network.js";
import { buildServer } from "./build-spec.js";
import { buildStore } from "./build-store.js";
import { type Checked, checkDocument, type Deferred } from "./check-document.js";
import type { McpAuthConfig } from "./define-config.js";
import type { Disk } from "./disk.js";
import { moduleName } from "./explorer.js";
import { type FoundFile, readConfigFile, readFoundFile, searchConfigFile } from "./find.js";
import { configInvalid, formatViolation } from "./format-violation.js";
import type { Config } from "./generated/types.js";
import { needs } from "./needs.js";
import { parsePlainJson } from "./parse-plain-json.js";
import { type SourceDocument, toViolation } from "./source-document.js";
import type { ConfigSpec, ServerEntry } from "./spec.js";

export interface LoadOptions {
  /** A path or the config itself, given in code. */
  readonly config?: string | McpAuthConfig | undefined;
  /** The path after `--config`; wins over all others. */
  readonly cliPath?: string | undefined;
  /** Absolute: the file that was found before. It is read again, and nothing else is looked at. */
  readonly pinned?: string | undefined;
  /** A person named that file; else it is judged as one that the search finds. */
  readonly pinnedByName?: boolean | undefined;
  /** A store was given in code, in place of that of the config. */
  readonly hasStore?: boolean | undefined;
  /** Absolute. Where the search begins, and what relative paths of an object config are relative to. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** How files are read; unless told, so that others can go on meanwhile. */
  readonly disk?: Disk;
  /** What the config may use; absent: anything. */
  readonly allow?: AllowRules | undefined;
}

export interface CheckedConfig {
  /** Absolute; absent for an object. */
  readonly file?: string;
  /** In the order of the file. */
  readonly violations: readonly Violation[];
  /** The search found the file in the working directory of another user, who can change what lies there at any time. */
  readonly isForeign: boolean;
  /** What the person who runs this should know of the file. Fit to be printed. */
  readonly warnings: readonly string[];
  /** There when the config as a whole is valid, even if some of its servers cannot be used. */
  readonly spec?: ConfigSpec;
  /** The text of the file with the mistakes mended in which only one thing can be meant; absent without any. */
  readonly fixed?: { readonly text: string; readonly count: number };
}

/**
 * Finds, reads and validates the config. Reads no secret.
 *
 * Throws `config_not_found`, or `config_invalid` with all `violations`. What only some servers need, such as a
 * variable without a value, fails on their use: their entry has a `failure` instead of a `spec`.
 */
export async function loadConfig(options: LoadOptions): Promise<ConfigSpec> {
  const { document, checked, found } = await readAndCheck(options);
  if (checked.mistakes.length > 0)
    throw configInvalid(violationsOf(document, checked.mistakes), document.file);
  return buildConfig(document, checked, options.cwd, found);
}

/** Every violation of the config, also those that only break single servers. Throws `config_not_found`. */
export async function checkConfig(options: LoadOptions): Promise<CheckedConfig> {
  let read: CheckedDocument;
  try {
    read = await readAndCheck(options);
  } catch (error) {
    // A file that is not even read: the violations say which and why.
    if (error instanceof McpAuthError && error.violations !== undefined) {
      const file = error.violations[0]?.file;
      return {
        ...(file !== undefined && { file }),
        violations: error.violations,
        isForeign: false,
        warnings: [],
      };
    }
    throw error;
  }
  const { document, checked, found } = read;
  const isValid = checked.mistakes.length === 0;
  const { applyEdits, editFor } = await import("./fix.js");
  const edits = checked.mistakes.flatMap((mistake) => editFor(document, mistake) ?? []);
  const fixed =
    edits.length === 0 || document.text === undefined
      ? undefined
      : { text: applyEdits(document.text, edits), count: edits.length };
  return {
    ...(document.file !== undefined && { file: document.file }),
    violations: violationsOf(document, [...checked.mistakes, ...checked.deferred]),
    isForeign: found?.commands !== undefined,
    warnings: found?.warnings ?? [],
    ...(isValid && { spec: buildConfig(document, checked, options.cwd, found) }),
    ...(fixed !== undefined && { fixed }),
  };
}

interface ReadDocument {
  readonly document: SourceDocument;
  /** Absent for a config given as an object. */
  readonly found?: FoundFile;
}

interface CheckedDocument extends ReadDocument {
  readonly checked: Checked;
}

async function readAndCheck(options: LoadOptions): Promise<CheckedDocument> {
  const read = await readDocument(options);
  const { document, found } = read;
  const checked = await checkDocument(document, { ...options, folder: folderOf(document, options) });
  const isFaultless = checked.mistakes.length + checked.deferred.length === 0;
  if (isFaultless || found === undefined) return { ...read, checked };
  return { document: await parseWithPlaces(found), found, checked };
}

async function readDocument(options: LoadOptions): Promise<ReadDocument> {
  const { config, cliPath, pinned, pinnedByName, cwd, env } = options;
  if (config !== undefined && typeof config !== "string" && pinned === undefined && cliPath === undefined) {
    const { readObject } = await import("./read-object.js");
    return { document: readObject(config) };
  }
  const disk = options.disk ?? (await import("./waiting-disk.js")).waitingDisk;
  const place = (origin: string) => ({ cwd, disk, origin });
  if (pinned !== undefined) {
    const readAgain = pinnedByName === true ? readConfigFile : readFoundFile;
    return parse(await readAgain(pinned, place("this runtime was made from")));
  }
  if (cliPath !== undefined) return parse(await readConfigFile(cliPath, place("--config names")));
  if (typeof config === "string")
    return parse(await readConfigFile(config, place("the option `config` names")));
  const fromEnv = env["MCP_AUTH_CONFIG"];
  if (fromEnv !== undefined && fromEnv !== "")
    return parse(await readConfigFile(fromEnv, place("MCP_AUTH_CONFIG names")));
  return parse(await searchConfigFile({ cwd, disk }));
}

/** Where things stand in plain JSON is found out when a mistake is to be shown. */
async function parse(found: FoundFile): Promise<ReadDocument> {
  const { file, text, notation } = found;
  const value = notation === "json" ? parsePlainJson(text) : undefined;
  const document =
    value === undefined
      ? await parseWithPlaces(found)
      : { file, text, prefix: [], value, mistakes: [], places: new Map() };
  return { document, found };
}

async function parseWithPlaces({ file, text, notation }: FoundFile): Promise<SourceDocument> {
  if (notation === "yaml") {
    const { parseYaml } = await import("./parse-yaml.js");
    return await parseYaml(file, text);
  }
  const { parseJson } = await import("./parse-json.js");
  return parseJson(file, text, notation === "package.json" ? moduleName : undefined);
}

function buildConfig(
  document: SourceDocument,
  checked: Checked,
  cwd: string,
  found: FoundFile | undefined,
): ConfigSpec {
  // The schema, from which the type is made, has found nothing wrong with it.
  const config = checked.value as unknown as Config;
  const folder = folderOf(document, { cwd });
  const servers = new Map<string, ServerEntry>();
  const { own, shared } = byServer(checked.deferred);
  for (const [name, server] of Object.entries(config.servers)) {
    const faults = [
      ...(own.get(name) ?? []),
      ...shared.filter(({ path }) => needs(checked.value, name, path)),
    ];
    const failure = faults.length === 0 ? undefined : failureOf(name, document, faults);
    servers.set(
      name,
      failure === undefined
        ? { name, spec: buildServer(name, server, config, folder) }
        : { name, failure, ...knownUrl(server.url) },
    );
  }
  return {
    ...(document.file !== undefined && { file: document.file }),
    ...(found !== undefined && { named: found.named, warnings: found.warnings }),
    ...(found?.commands !== undefined && { commands: found.commands }),
    servers,
    network: buildNetwork(config.network, folder),
    store: buildStore(config.store, folder),
  };
}

/** A variable without a value leaves something else than a URL. */
function knownUrl(url: string): { readonly url?: string } {
  return URL.canParse(url) && !url.includes("${") ? { url } : {};
}

/** What relative paths of the config are relative to. */
function folderOf({ file }: SourceDocument, { cwd }: Pick<LoadOptions, "cwd">): string {
  return file === undefined ? cwd : dirname(file);
}

/** What stands in one server is no matter of the others, however many there are. */
function byServer(faults: readonly Deferred[]) {
  const own = new Map<string, Deferred[]>();
  const shared: Deferred[] = [];
  for (const fault of faults) {
    const [part, name] = fault.path;
    if (part !== "servers" || name === undefined) shared.push(fault);
    else own.set(name, [...(own.get(name) ?? []), fault]);
  }
  return { own, shared };
}

function failureOf(server: string, document: SourceDocument, faults: readonly Deferred[]): McpAuthError {
  const violations = violationsOf(document, faults);
  const code = faults.every((fault) => fault.code === "insecure_url") ? "insecure_url" : "config_invalid";
  const reasons = violations.map(formatViolation).join(" ");
  return new McpAuthError(code, `The server "${server}" cannot be used. ${reasons}`, { server, violations });
}

function violationsOf(
  document: SourceDocument,
  mistakes: readonly Parameters<typeof toViolation>[1][],
): readonly Violation[] {
  return mistakes
    .map((mistake) => toViolation(document, mistake))
    .sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
}
