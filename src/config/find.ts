import { readFile, stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import type { Loader, Options, PublicExplorer } from "cosmiconfig";
import { McpAuthError } from "../errors/error.js";
import { printable, quoted } from "../lib/printable.js";
import { configInvalid } from "./format-violation.js";
import { hasProperty } from "./parse-json.js";

const moduleName = "mcp-auth";
const manifest = "package.json";
const places = ["mcp-auth.config.json", "mcp-auth.config.yaml", "mcp-auth.config.yml", manifest];
const longest = 1024 * 1024;

/** A config file, read and not yet parsed. */
export interface FoundFile {
  /** Absolute. */
  readonly file: string;
  /** Without a byte order mark. */
  readonly text: string;
  readonly notation: "json" | "yaml" | "package.json";
}

/**
 * The file at `path`. Throws `config_not_found` when there is none, `config_invalid` when it is no config or anyone
 * may write to it. `origin` ends the sentence "there is no file at …, which", for the message.
 */
export async function readConfigFile(path: string, cwd: string, origin: string): Promise<FoundFile> {
  const file = resolve(cwd, path);
  notationOf(file);
  try {
    await assertFile(file);
    return await checked(file, await readFile(file, "utf8"));
  } catch (error) {
    if (!isAbsence(error)) throw unreadable(error, file);
    throw new McpAuthError(
      "config_not_found",
      `There is no config file at ${printable(file)}, which ${origin}. Correct the path, or write the file.`,
    );
  }
}

/**
 * Looks in the working directory and the folders above it, as far as the project goes; the nearest folder with a
 * config wins. Throws `config_not_found` with every place tried, `config_invalid` when one folder has two.
 */
export async function searchConfigFile(cwd: string): Promise<FoundFile> {
  const explorer = await createExplorer();
  const tried: string[] = [];
  for (const folder of await foldersOfProject(resolve(cwd))) {
    const found: FoundFile[] = [];
    for (const place of places) {
      const file = join(folder, place);
      tried.push(place === manifest ? `${file}#${moduleName}` : file);
      const text = await load(explorer, file);
      if (text !== undefined) found.push(await checked(file, text));
    }
    const [first, second] = found;
    if (first !== undefined && second === undefined) return first;
    if (first !== undefined && second !== undefined) throw twoConfigs(first.file, second.file);
  }
  throw new McpAuthError(
    "config_not_found",
    `No config found. Write mcp-auth.config.json, or say where it is with --config or MCP_AUTH_CONFIG. Looked for:${tried
      .map((place) => `\n  ${printable(place)}`)
      .join("")}`,
  );
}

/**
 * The class behind `cosmiconfig()`. The function itself first loads `.config/config.*` of the working directory as
 * its own configuration, which may be code; with a `stopDir` it also runs `~/.config/mcp-auth/config.js`. We ask
 * this class for single files. Its loaders give text back, since `$import` in a parsed one would load more files.
 */
async function createExplorer(): Promise<PublicExplorer> {
  // The class is there in every 9.x but stripped from the declarations as internal.
  const { Explorer } = (await import("cosmiconfig/dist/Explorer.js")) as unknown as {
    Explorer: new (options: Options & { metaConfigFilePath: null }) => PublicExplorer;
  };
  const asText: Loader = (_file, text) => ({ text });
  const json: Loader = async (file, text) => {
    if (basename(file) !== manifest) return { text };
    return (await hasProperty(text, moduleName)) ? { [moduleName]: { text } } : {};
  };
  return new Explorer({
    searchPlaces: places,
    loaders: { ".json": json, ".yaml": asText, ".yml": asText },
    packageProp: [moduleName],
    searchStrategy: "none",
    metaConfigFilePath: null,
    cache: false,
    ignoreEmptySearchPlaces: false,
    mergeImportArrays: false,
    mergeSearchPlaces: false,
    transform: (result) => result,
  });
}

async function load(explorer: PublicExplorer, file: string): Promise<string | undefined> {
  try {
    await assertFile(file);
    const result = await explorer.load(file);
    if (result === null) return undefined;
    // What the loaders above made, or an empty file, which they are not called for.
    const { text } = (result.config ?? { text: "" }) as { text: string };
    return result.isEmpty === true && basename(file) === manifest ? undefined : text;
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw unreadable(error, file);
  }
}

/** From `cwd` up to the nearest `.git`, else to the highest workspace root, else `cwd` alone. */
async function foldersOfProject(cwd: string): Promise<readonly string[]> {
  const folders: string[] = [];
  let workspace = 1;
  for (let folder = cwd; ; folder = dirname(folder)) {
    folders.push(folder);
    if (await exists(join(folder, ".git"))) return folders;
    if (await isWorkspaceRoot(folder)) workspace = folders.length;
    if (dirname(folder) === folder) return folders.slice(0, workspace);
  }
}

async function isWorkspaceRoot(folder: string): Promise<boolean> {
  if (await exists(join(folder, "pnpm-workspace.yaml"))) return true;
  try {
    const content: unknown = JSON.parse(await readFile(join(folder, manifest), "utf8"));
    return typeof content === "object" && content !== null && "workspaces" in content;
  } catch {
    // None, or none that says so.
    return false;
  }
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Reading from a pipe would wait for ever, from a device never end. */
async function assertFile(file: string): Promise<void> {
  const found = await stat(file);
  if (found.isDirectory()) return;
  const message = found.isFile() ? "The file is larger than 1 MiB" : "This is not a regular file";
  if (!found.isFile() || found.size > longest) {
    throw configInvalid(
      [{ file, pointer: "", message, hint: "A config is a file of a few kilobytes" }],
      file,
    );
  }
}

async function checked(file: string, content: string): Promise<FoundFile> {
  const refuse = (message: string, hint: string) =>
    configInvalid([{ file, pointer: "", message, hint }], file);
  // Windows has no such bits and Node makes them up.
  const isForeign = process.platform !== "win32" && ((await stat(file)).mode & 0o002) !== 0;
  if (isForeign) {
    throw refuse("Anyone on this machine may write to the file", `Run chmod o-w ${quoted(file)}`);
  }
  if (content.length > longest) throw refuse("The file is larger than 1 MiB", "A config is a few kilobytes");
  return { file, text: content.replace(/^\uFEFF/, ""), notation: notationOf(file) };
}

function notationOf(file: string): FoundFile["notation"] {
  if (basename(file) === manifest) return manifest;
  const extension = extname(file);
  if (extension === ".json" || extension === ".jsonc") return "json";
  if (extension === ".yaml" || extension === ".yml") return "yaml";
  const message = "A config is data: a .json, .yaml or .yml file, or package.json";
  const hint = "A config in code is passed to createMcpAuth({ config }) as an object";
  throw configInvalid([{ file, pointer: "", message, hint }], file);
}

function twoConfigs(first: string, second: string): McpAuthError {
  const message = `There is another config in this folder, ${basename(first)}`;
  return configInvalid([{ file: second, pointer: "", message, hint: "Keep one of them" }], second);
}

function isAbsence(error: unknown): boolean {
  return (
    error instanceof Error && "code" in error && ["ENOENT", "ENOTDIR", "EISDIR"].includes(String(error.code))
  );
}

function unreadable(error: unknown, file: string): unknown {
  if (error instanceof McpAuthError || !(error instanceof Error) || !("code" in error)) return error;
  const hint = "Check its permissions";
  return configInvalid(
    [{ file, pointer: "", message: `The file cannot be read (${String(error.code)})`, hint }],
    file,
  );
}
