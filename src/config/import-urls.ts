import { nearNames } from "../lib/near-names.js";
import { quoted, someOf } from "../lib/printable.js";
import { absolute } from "./build-reference.js";
import type { Report } from "./check-context.js";
import { type HostServers, hostServers, readProperties, urlOf } from "./host-file.js";
import { interpolate } from "./interpolate.js";
import {
  entries,
  isObject,
  type Json,
  type JsonObject,
  type Path,
  property,
  withoutPrototype,
} from "./json.js";
import { parsePlainJson } from "./parse-plain-json.js";
import { type ImportedFile, type ReadImportOptions, readImport } from "./read-import.js";
import type { ImportedPart, Mistake, SourceDocument } from "./source-document.js";

export interface ImportOptions extends ReadImportOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Relative paths of the config are relative to this folder. */
  readonly folder: string;
}

/** A config with the URLs that it imports. */
export interface WithImports extends Partial<Pick<ImportedFile, "commands" | "warnings">> {
  readonly value: Json;
  readonly mistakes: readonly Mistake[];
  /** Where the URLs are. Absent if the file could not be read. */
  readonly imported?: ImportedPart;
}

/**
 * Adds the URLs of the file that `import` names to the servers that have none, as they are in the file, with variables
 * and possibly invalid. Takes nothing else from the file.
 */
export async function importUrls(config: Json, options: ImportOptions): Promise<WithImports> {
  const unchanged = { value: config, mistakes: [] };
  const written = property(config, "import");
  // The schema reports these.
  if (typeof written !== "string" || written === "") return unchanged;
  const variables: string[] = [];
  const path = interpolate(written, options.env, ({ name }) => variables.push(name));
  // So does the interpolation of the whole config, and the check of `allow`.
  const isRefused = variables.some((name) => options.allow?.variable(name) === false);
  if (isRefused || path.missing.length + path.mistakes.length > 0) return unchanged;
  const file = absolute(String(path.value), options.folder);
  const read = await readImport(file, options);
  if ("mistake" in read) return { value: config, mistakes: [{ path: ["import"], ...read.mistake }] };
  const { text, ...rest } = read;
  const document = await parse(file, text);
  return { ...rest, ...addUrls(config, document) };
}

/** Parses the file again, with positions. */
export async function locateImport({ document, paths }: ImportedPart): Promise<ImportedPart> {
  const { file = "", text = "", positions } = document;
  return positions.size > 0 ? { document, paths } : { document: await parseWithPositions(file, text), paths };
}

async function parse(file: string, text: string): Promise<SourceDocument> {
  // The decoder replaces what is not UTF-8, and the zeros of UTF-16 remain.
  if (text.includes("\0")) return unreadable(file, text, notUtf8);
  const value = parsePlainJson(text);
  if (value !== undefined) return { file, text, prefix: [], value, mistakes: [], positions: new Map() };
  return await parseWithPositions(file, text);
}

async function parseWithPositions(file: string, text: string): Promise<SourceDocument> {
  return (await import("./parse-json.js")).parseJson(file, text);
}

function unreadable(file: string, text: string, mistake: Report): SourceDocument {
  const mistakes = [{ path: [], offset: 0, ...mistake }];
  return { file, text, prefix: [], value: undefined, mistakes, positions: new Map([["", { value: 0 }]]) };
}

function addUrls(config: Json, document: SourceDocument): WithImports {
  const paths = new Map<string, Path>();
  const imported = { document, paths };
  const inImport = (mistake: Mistake): Mistake => ({ ...mistake, inImport: true });
  if (document.value === undefined) {
    return { value: config, imported, mistakes: document.mistakes.map(inImport) };
  }
  const servers = hostServers(document.value);
  if (servers === undefined) {
    return { value: config, imported, mistakes: [inImport({ path: [], ...notHostFile })] };
  }
  const unknownServer = describeUnknown(document, servers);
  const mistakes: Mistake[] = [];
  const urls = new Map<string, Json>();
  for (const [name, server] of entries(property(config, "servers"))) {
    if (!isObject(server) || Object.hasOwn(server, "url")) continue;
    const found = servers.find(name);
    if (found === undefined) {
      mistakes.push({ path: ["servers", name], atName: true, ...unknownServer(name) });
      continue;
    }
    const host = urlOf(found.entry);
    paths.set(name, [...found.path, ...(host.property === undefined ? [] : [host.property])]);
    if ("mistake" in host) mistakes.push({ path: ["servers", name, "url"], ...host.mistake });
    else urls.set(name, host.url);
  }
  const repeated = document.mistakes.filter(({ path }) => isRead(path, paths));
  return {
    value: withUrls(config, urls),
    imported,
    mistakes: [...mistakes, ...repeated.map(inImport)],
  };
}

/** Whether the value at a path of the file was read: a section, an entry that the config uses, or a part of it. */
function isRead(path: Path, paths: ReadonlyMap<string, Path>): boolean {
  const [section, name, part, ...deeper] = path;
  if (name === undefined) return section === "mcpServers" || section === "servers";
  return (
    paths.get(name)?.[0] === section &&
    deeper.length === 0 &&
    (part === undefined || readProperties.has(part))
  );
}

function withUrls(config: Json, urls: ReadonlyMap<string, Json>): Json {
  const servers = property(config, "servers");
  if (!isObject(config) || !isObject(servers) || urls.size === 0) return config;
  const changed = Object.entries(servers).map(([name, server]): [string, Json] => {
    const url = urls.get(name);
    return [name, url === undefined || !isObject(server) ? server : plain({ ...server, url })];
  });
  return plain({ ...config, servers: plain(Object.fromEntries(changed)) });
}

function plain(object: Record<string, Json>): JsonObject {
  return withoutPrototype(object);
}

// Limits, because comparing all names of a large config with those of a large file would take too long.
const maxCompared = 1_000;
const maxSuggestions = 100;

/** Returns the function that makes the mistake for a server which the file does not have. */
function describeUnknown({ file = "" }: SourceDocument, servers: HostServers): (name: string) => Report {
  let names: readonly string[] | undefined;
  let count = 0;
  return (name) => {
    names ??= servers.names();
    count += 1;
    const [near] = count > maxSuggestions ? [] : nearNames(name, names.slice(0, maxCompared));
    const known = names.length === 0 ? "It has none" : `It has: ${someOf(names)}`;
    return {
      message: `This server has no \`url\`, and the imported file ${quoted(file)} has no server of this name`,
      hint: near === undefined ? known : `Did you mean "${near}"?`,
    };
  };
}

const notHostFile = {
  message: "The file has no object `mcpServers` or `servers`",
  hint: "Import the file in which a host has its MCP servers, such as .mcp.json or .vscode/mcp.json",
};

const notUtf8 = { message: "The file is not UTF-8", hint: "Save it as UTF-8" };
