import { basename, dirname, extname, join, resolve } from "node:path";
import { McpAuthError } from "../errors/error.js";
import { systemErrorCode } from "../errors/expected-errors.js";
import { printable } from "../lib/printable.js";
import { unreachable } from "../lib/unreachable.js";
import {
  type ConfigLoader,
  configFileNames,
  configProperty,
  createConfigLoader,
  hasConfigProperty,
  packageJson,
} from "./cosmiconfig.js";
import { type FileContent, type FileSystem, fileExists } from "./file-system.js";
import {
  configNotFound,
  invalidFile,
  namedFileMissing,
  twoConfigs,
  untrustedConfig,
  whyCommandsAreForbidden,
} from "./find-config-errors.js";
import {
  findProjectFolders,
  folderAndParents,
  maxPackageJsonBytes,
  type ProjectFolders,
} from "./project-folders.js";
import {
  createTrust,
  findFileProblems,
  findFolderProblems,
  findWriteWarnings,
  type Trust,
  type TrustProblem,
  withoutOtherOwner,
} from "./trust.js";

/** A config file that was read and is not parsed yet. */
export interface ConfigFile {
  /** Absolute. */
  readonly file: string;
  /** Without a byte order mark. */
  readonly text: string;
  readonly notation: "json" | "yaml" | "package.json";
  /** Whether a person named the file; otherwise the search found it. */
  readonly named: boolean;
  /** Present if its commands must not be run: why, as a clause with the remedy. */
  readonly commands?: { readonly forbidden: string };
  readonly warnings: readonly string[];
}

interface Origin {
  readonly cwd: string;
  readonly fs: FileSystem;
  /** Subject and verb of the sentence "--config names …, which does not exist." */
  readonly origin: string;
}

/** The number of times that a file is read if it is replaced while its trust is checked. */
const maxReads = 5;

/**
 * Reads a file that the user named, so its trust is not checked. Throws `config_not_found` if it does not exist and
 * `config_invalid` if it cannot be a config.
 */
export async function readNamedConfig(path: string, { cwd, fs, origin }: Origin): Promise<ConfigFile> {
  const file = resolve(cwd, path);
  const notation = notationOf(file);
  const content = await read(file, fs);
  if (content === undefined) throw await namedFileMissing(file, origin, fs);
  const warnings = (await findWriteWarnings(file, content.stats, fs)).map(printable);
  return { file, text: withoutByteOrderMark(content.text), notation, named: true, warnings };
}

/** Reads a file that an earlier search found, and checks its trust again. Throws the same errors as `searchConfig`. */
export async function rereadFoundConfig(path: string, { cwd, fs, origin }: Origin): Promise<ConfigFile> {
  const file = resolve(cwd, path);
  const trust = await createTrust(resolve(cwd), fs);
  const above = folderAndParents(trust.cwd);
  const folders = [...above.slice(0, Math.max(above.indexOf(dirname(file)), 0)), dirname(file)];
  const assessed = await readAndAssess(file, folders, trust);
  if (assessed === undefined) throw await namedFileMissing(file, origin, fs);
  if (assessed.problems.length > 0) throw await untrustedConfig(file, assessed.problems);
  return await foundFile({ file, text: assessed.content.text, isForeign: assessed.isForeign }, trust);
}

/**
 * Searches the working directory and the folders above it, as far as the project reaches and is trusted. The nearest
 * folder with a config wins. Throws `config_not_found` with every place that was searched, and `config_invalid` if a
 * folder has two configs or the config is not trusted.
 */
export async function searchConfig({ cwd, fs }: Omit<Origin, "origin">): Promise<ConfigFile> {
  const trust = await createTrust(resolve(cwd), fs);
  const project = await findProjectFolders(trust);
  const { searched, refused } = project;
  const load = await createConfigLoader();
  const searchedPlaces: string[] = [];
  for (const [index, folder] of searched.entries()) {
    const configs: TrustedText[] = [];
    for (const name of configFileNames) {
      const file = join(folder, name);
      searchedPlaces.push(name === packageJson ? `${file}#${configProperty}` : file);
      const config = await configAt(file, load, searched.slice(0, index + 1), trust);
      if (config !== undefined) configs.push(config);
    }
    const [first, second] = configs;
    if (first !== undefined && second !== undefined) throw twoConfigs(first.file, second.file);
    if (first !== undefined) return await foundFile(first, trust);
  }
  if (refused !== undefined) await assertNoConfigIn(refused, searched, trust);
  throw await configNotFound(searchedPlaces, project, fs);
}

interface TrustedText {
  readonly file: string;
  readonly text: string;
  /** See `Assessed`. */
  readonly isForeign: boolean;
}

/**
 * Returns the config in a file of a trusted folder, if it has one. Throws `config_invalid` if the file is not trusted.
 */
async function configAt(
  file: string,
  load: ConfigLoader,
  folders: readonly string[],
  trust: Trust,
): Promise<TrustedText | undefined> {
  const assessed = await readAndAssess(file, folders, trust);
  if (assessed === undefined) return undefined;
  const { content, problems, isForeign } = assessed;
  if (problems.length === 0) {
    const text = await withConfigErrors(file, () => load(file, content));
    return text === undefined ? undefined : { file, text, isForeign };
  }
  // An untrusted package.json without a config does not stop the search.
  if (basename(file) === packageJson && !(await hasConfig(content))) return undefined;
  throw await untrustedConfig(file, problems);
}

/** Whether an untrusted package.json has a config. A large file is not parsed, and counts as having none. */
async function hasConfig({ text }: FileContent): Promise<boolean> {
  return text.length <= maxPackageJsonBytes && (await hasConfigProperty(text));
}

/** Throws if an untrusted folder has a config, so that the error says why that config is not used. */
async function assertNoConfigIn(
  { folder, problems }: NonNullable<ProjectFolders["refused"]>,
  searched: readonly string[],
  trust: Trust,
): Promise<void> {
  for (const name of configFileNames) {
    const file = join(folder, name);
    if (name !== packageJson && !(await fileExists(file, trust.fs))) continue;
    const assessed = await ifReadable(() => readAndAssess(file, [...searched, folder], trust));
    const isConfig = name !== packageJson || (assessed !== undefined && (await hasConfig(assessed.content)));
    if (isConfig) throw await untrustedConfig(file, assessed?.problems.length ? assessed.problems : problems);
  }
}

/** Runs `work` and returns `undefined` if `read` refuses the file with `config_invalid`. */
async function ifReadable<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof McpAuthError) return undefined;
    throw error;
  }
}

interface Assessed {
  readonly content: FileContent;
  readonly problems: readonly TrustProblem[];
  /** The file is trusted only because it, or a folder of its path, belongs to the owner of the working directory. */
  readonly isForeign: boolean;
}

/**
 * Reads a file, then checks the trust of the content and of the folders. The folders are checked again because they may
 * have been replaced since the search. Returns `undefined` if there is no file.
 */
export async function readAndAssess(
  file: string,
  folders: readonly string[],
  trust: Trust,
): Promise<Assessed | undefined> {
  for (let reads = 0; reads < maxReads; reads += 1) {
    const content = await read(file, trust.fs);
    if (content === undefined) return undefined;
    const problems = await findProblems(file, content, folders, trust);
    if (problems === "changed") continue;
    if (trust.otherOwner === undefined) return { content, problems, isForeign: false };
    // The owner of the working directory is not trusted with a config in a folder above it.
    const strictFolders = folders.filter((folder) => folder !== trust.cwd || folder === dirname(file));
    const strictProblems = await findProblems(file, content, strictFolders, withoutOtherOwner(trust));
    if (strictProblems === "changed") continue;
    return { content, problems, isForeign: strictProblems.length > 0 };
  }
  throw invalidFile(file, "The file was replaced each time it was read", "Try again");
}

async function findProblems(
  file: string,
  { stats }: FileContent,
  folders: readonly string[],
  trust: Trust,
): Promise<readonly TrustProblem[] | "changed"> {
  const problems = await findFileProblems(file, stats, folders, trust);
  if (problems === "changed") return problems;
  const folderProblems = await Promise.all(folders.map((folder) => findFolderProblems(folder, trust)));
  return [...problems, ...folderProblems.flat()];
}

/** Reads a file. Returns `undefined` if it does not exist, and throws `config_invalid` if it cannot be read. */
export async function read(file: string, fs: FileSystem): Promise<FileContent | undefined> {
  const outcome = await withConfigErrors(file, async () => await fs.read(file));
  if (outcome === undefined || !("problem" in outcome)) return outcome;
  switch (outcome.problem) {
    case "missing":
      return undefined;
    case "irregular":
      throw invalidFile(file, "This is not a regular file", "Pipes and devices are not read");
    case "too large":
      throw invalidFile(file, "The file is larger than 16 MiB", "Split it into several files");
    default:
      return unreachable(outcome.problem);
  }
}

/** Turns errors of the file system into `config_invalid`. Returns `undefined` if the file does not exist or is gone. */
async function withConfigErrors<T>(file: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return undefined;
    throw invalidFile(file, `The file cannot be read (${code})`, "Check its permissions");
  }
}

async function foundFile(
  { file, text, isForeign }: TrustedText,
  { cwd, otherOwner }: Trust,
): Promise<ConfigFile> {
  const found = {
    file,
    text: withoutByteOrderMark(text),
    notation: notationOf(file),
    named: false,
    warnings: [],
  };
  if (otherOwner === undefined || !isForeign) return found;
  return { ...found, commands: { forbidden: await whyCommandsAreForbidden(file, cwd, otherOwner) } };
}

export function withoutByteOrderMark(text: string): string {
  return text.replace(/^\uFEFF/, "");
}

function notationOf(file: string): ConfigFile["notation"] {
  if (basename(file) === packageJson) return packageJson;
  switch (extname(file)) {
    case ".json":
    case ".jsonc":
      return "json";
    case ".yaml":
    case ".yml":
      return "yaml";
    default:
      throw invalidFile(
        file,
        "A config must be a .json, .yaml or .yml file, or package.json",
        "Pass a config in code to createMcpAuth({ config }) as an object",
      );
  }
}
