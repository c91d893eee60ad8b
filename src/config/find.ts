import { basename, dirname, extname, join, resolve } from "node:path";
import { printable } from "../lib/printable.js";
import { type Disk, errnoOf, type FileContent, isThere } from "./disk.js";
import { createExplorer, type Explore, hasConfig, manifest, moduleName, places } from "./explorer.js";
import { notFound, notThere, notTrusted, refuse, twoConfigs, whyNoCommands } from "./find-errors.js";
import { longestManifest, type ProjectFolders, projectFolders, upwards } from "./project-folders.js";
import {
  type Doubt,
  doubtsAboutFile,
  doubtsAboutFolder,
  type Trust,
  trustAround,
  warningsAbout,
  withoutStranger,
} from "./trust.js";

/** A config file, read and not yet parsed. */
export interface FoundFile {
  /** Absolute. */
  readonly file: string;
  /** Without a byte order mark. */
  readonly text: string;
  readonly notation: "json" | "yaml" | "package.json";
  /** Whether a person named it; else the search found it. */
  readonly named: boolean;
  /** Why its commands may not be run: a sentence with the remedy. Absent where they may. */
  readonly commands?: { readonly forbidden: string };
  readonly warnings: readonly string[];
}

/** Where a file is looked for. */
interface Place {
  readonly cwd: string;
  readonly disk: Disk;
  /** Ends the sentence "there is no file at …, which", for the message. */
  readonly origin: string;
}

/** How often a file is read again that was replaced while it was judged. */
const mostTries = 5;

/**
 * The file at `path`, which a person named: it is used as it is. Throws `config_not_found` when there is none,
 * `config_invalid` when it is no config.
 */
export async function readConfigFile(path: string, { cwd, disk, origin }: Place): Promise<FoundFile> {
  const file = resolve(cwd, path);
  notationOf(file);
  const content = await read(file, disk);
  if (content === undefined) throw notThere(file, origin);
  const warnings = (await warningsAbout(file, content.stats, disk)).map(printable);
  return { ...fileOf(file, content.text), named: true, warnings };
}

/** The file that a search found before, judged as if it were found now. Throws as `searchConfigFile` does. */
export async function readFoundFile(path: string, { cwd, disk, origin }: Place): Promise<FoundFile> {
  const file = resolve(cwd, path);
  const trust = await trustAround(resolve(cwd), disk);
  const above = upwards(trust.cwd);
  const folders = [...above.slice(0, Math.max(above.indexOf(dirname(file)), 0)), dirname(file)];
  const judged = await readJudged(file, folders, trust);
  if (judged === undefined) throw notThere(file, origin);
  if (judged.doubts.length > 0) throw await notTrusted(file, judged.doubts);
  return await found({ file, text: judged.content.text, isForeign: judged.isForeign }, trust);
}

/**
 * Looks in the working directory and the folders above it, as far as the project goes and is trusted; the nearest folder
 * with a config wins. Throws `config_not_found` with every place tried, `config_invalid` when one folder has two or
 * the config is not trusted.
 */
export async function searchConfigFile({ cwd, disk }: Omit<Place, "origin">): Promise<FoundFile> {
  const trust = await trustAround(resolve(cwd), disk);
  const project = await projectFolders(trust);
  const { searched, refused } = project;
  const explore = await createExplorer();
  const tried: string[] = [];
  for (const [index, folder] of searched.entries()) {
    const texts: { readonly file: string; readonly text: string; readonly isForeign: boolean }[] = [];
    for (const place of places) {
      const file = join(folder, place);
      tried.push(place === manifest ? `${file}#${moduleName}` : file);
      const config = await configAt(file, explore, searched.slice(0, index + 1), trust);
      if (config !== undefined) texts.push({ file, ...config });
    }
    const [first, second] = texts;
    if (first !== undefined && second === undefined) return await found(first, trust);
    if (first !== undefined && second !== undefined) throw twoConfigs(first.file, second.file);
  }
  if (refused !== undefined) await assertEmpty(refused, searched, trust);
  throw await notFound(tried, project, disk);
}

/** The text of a config in a trusted folder. Throws where the file itself is not trusted. */
async function configAt(
  file: string,
  explore: Explore,
  folders: readonly string[],
  trust: Trust,
): Promise<{ readonly text: string; readonly isForeign: boolean } | undefined> {
  const judged = await readJudged(file, folders, trust);
  if (judged === undefined) return undefined;
  const { content, doubts, isForeign } = judged;
  if (doubts.length === 0) {
    const text = await withoutErrno(file, () => explore(file, content));
    return text === undefined ? undefined : { text, isForeign };
  }
  // A package.json of somebody else's that has nothing to do with us stops no search.
  if (basename(file) === manifest && !(await mentionsUs(content))) return undefined;
  throw await notTrusted(file, doubts);
}

/** Whether a package.json that is not trusted has a config. It is not worth much memory to find out. */
async function mentionsUs({ text }: FileContent): Promise<boolean> {
  return text.length <= longestManifest && (await hasConfig(text));
}

/** Throws where there is a config in a folder that is not trusted: to pass over it would hide why it is not used. */
async function assertEmpty(
  { folder, doubts }: NonNullable<ProjectFolders["refused"]>,
  searched: readonly string[],
  trust: Trust,
): Promise<void> {
  for (const place of places) {
    const file = join(folder, place);
    if (place !== manifest && !(await isThere(file, trust.disk))) continue;
    const judged = await readJudged(file, [...searched, folder], trust).catch(() => undefined);
    const isConfig = place !== manifest || (judged !== undefined && (await mentionsUs(judged.content)));
    if (isConfig) throw await notTrusted(file, judged?.doubts.length ? judged.doubts : doubts);
  }
}

interface Judged {
  readonly content: FileContent;
  readonly doubts: readonly Doubt[];
  /** It is trusted only because it, or the way to it, belongs to the owner of the working directory. */
  readonly isForeign: boolean;
}

/**
 * Reads a file, then judges what was read and the way to it: the folders once more, since one may have been replaced.
 * `undefined` where there is none.
 */
async function readJudged(
  file: string,
  folders: readonly string[],
  trust: Trust,
): Promise<Judged | undefined> {
  for (let tries = 0; tries < mostTries; tries += 1) {
    const content = await read(file, trust.disk);
    if (content === undefined) return undefined;
    const doubts = await doubtsAbout(file, content, folders, trust);
    if (doubts === "changed") continue;
    if (trust.stranger === undefined) return { content, doubts, isForeign: false };
    // Who owns the working directory decides nothing about a config above it.
    const others = folders.filter((folder) => folder !== trust.cwd || folder === dirname(file));
    const strict = await doubtsAbout(file, content, others, withoutStranger(trust));
    if (strict === "changed") continue;
    return { content, doubts, isForeign: strict.length > 0 };
  }
  throw refuse(file, "The file was replaced each time it was read", "Run it again");
}

async function doubtsAbout(
  file: string,
  { stats }: FileContent,
  folders: readonly string[],
  trust: Trust,
): Promise<readonly Doubt[] | "changed"> {
  const doubts = await doubtsAboutFile(file, stats, folders, trust);
  if (doubts === "changed") return doubts;
  const around = await Promise.all(folders.map((folder) => doubtsAboutFolder(folder, trust)));
  return [...doubts, ...around.flat()];
}

/** `undefined` where there is no file. Throws `config_invalid` for what cannot be read. */
async function read(file: string, disk: Disk): Promise<FileContent | undefined> {
  const outcome = await withoutErrno(file, async () => await disk.read(file));
  if (outcome === undefined || !("problem" in outcome)) return outcome;
  if (outcome.problem === "missing") return undefined;
  if (outcome.problem === "irregular")
    throw refuse(file, "This is not a regular file", "Pipes and devices are not read");
  throw refuse(file, "The file is larger than 16 MiB", "Split it into several configs");
}

/** Errors of the system as ours; `undefined` where the file is not there, perhaps not any more. */
async function withoutErrno<T>(file: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return undefined;
    throw refuse(file, `The file cannot be read (${code})`, "Check its permissions");
  }
}

async function found(
  { file, text, isForeign }: { readonly file: string; readonly text: string; readonly isForeign: boolean },
  { cwd, stranger }: Trust,
): Promise<FoundFile> {
  const common = { ...fileOf(file, text), named: false, warnings: [] };
  if (stranger === undefined || !isForeign) return common;
  return { ...common, commands: { forbidden: await whyNoCommands(file, cwd, stranger) } };
}

function fileOf(file: string, text: string): Pick<FoundFile, "file" | "text" | "notation"> {
  return { file, text: text.replace(/^\uFEFF/, ""), notation: notationOf(file) };
}

function notationOf(file: string): FoundFile["notation"] {
  if (basename(file) === manifest) return manifest;
  const extension = extname(file);
  if (extension === ".json" || extension === ".jsonc") return "json";
  if (extension === ".yaml" || extension === ".yml") return "yaml";
  const message = "A config is data: a .json, .yaml or .yml file, or package.json";
  throw refuse(file, message, "A config in code is passed to createMcpAuth({ config }) as an object");
}
