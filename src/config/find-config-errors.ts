import { basename, dirname, join } from "node:path";
import { McpAuthError } from "../errors/error.js";
import { printable, quoted } from "../lib/printable.js";
import { shellQuoted } from "../lib/shell-quoted.js";
import { configFileNames, packageJson } from "./cosmiconfig.js";
import { type FileSystem, fileExists, ifExaminable } from "./file-system.js";
import { invalidConfig } from "./format-violation.js";
import type { ProjectFolders } from "./project-folders.js";
import { describeProblem, describeUser, type TrustProblem } from "./trust.js";

/** `config_invalid` for a file as a whole. */
export function invalidFile(file: string, message: string, hint: string): McpAuthError {
  return invalidConfig(`The config ${printable(file)}`, [{ file, pointer: "", message, hint }]);
}

export function twoConfigs(first: string, second: string): McpAuthError {
  return invalidFile(
    second,
    `There is another config in this folder, ${basename(first)}`,
    "Keep one of them",
  );
}

/** `config_not_found` for a named file. `origin` says where the name comes from: "--config names". */
export async function namedFileMissing(file: string, origin: string, fs: FileSystem): Promise<McpAuthError> {
  const stats = await ifExaminable(() => fs.stat(file));
  const problem =
    stats?.isDirectory() === true
      ? "which is a folder. Name the file in it."
      : `which does not exist. ${await correctPath(file)}`;
  return new McpAuthError("config_not_found", `${origin} ${printable(file)}, ${problem}`);
}

async function correctPath(file: string): Promise<string> {
  const { similarNames } = await import("./similar-files.js");
  const [near] = await similarNames(dirname(file), basename(file));
  const suggestion =
    near === undefined ? "" : ` Did you mean ${printable(near)}, which is in the same folder?`;
  return `Correct the path, or create the file.${suggestion}`;
}

/** `config_invalid` for a config that the search found and that another user may have written or changed. */
export async function untrustedConfig(
  file: string,
  problems: readonly TrustProblem[],
): Promise<McpAuthError> {
  const { reasons, condition } = await whyUntrusted(problems);
  return invalidFile(
    file,
    `The search found this config, but it is not trusted: ${reasons}`,
    `${condition} you trust it, name it: ${howToName(file)}`,
  );
}

/** The mistake of a config that imports a file which another user may have written or changed. */
export async function untrustedImport(file: string, config: string, problems: readonly TrustProblem[]) {
  const { reasons, condition } = await whyUntrusted(problems);
  return {
    message: `The search found this config, and ${quoted(file)}, which it imports, is not trusted: ${reasons}`,
    hint: `${condition} you trust it, name the config: ${howToName(config)}`,
  };
}

async function whyUntrusted(problems: readonly TrustProblem[]) {
  // The problems of the file come first, so the first two are enough for one message.
  const reasons = await Promise.all(problems.slice(0, 2).map(describeProblem));
  const ownMode = problems.find((problem) => problem.kind === "mode" && problem.uid === process.geteuid?.());
  const condition = ownMode === undefined ? "If" : `Run chmod o-w ${shellQuoted(ownMode.path)}, or if`;
  return { reasons: reasons.join(", and "), condition };
}

/**
 * Returns the reason why the commands of a config are not run, as a clause with the remedy. `otherOwner` owns `cwd`.
 * If only a file that the config imports may be theirs, `imported` is that file.
 */
export async function whyCommandsAreForbidden(
  file: string,
  cwd: string,
  otherOwner: number,
  imported?: string,
): Promise<string> {
  const why = imported === undefined ? "" : `, it imports ${printable(imported)},`;
  return (
    `commands of the config ${printable(file)} are not run, because the search found it${why} and the working directory ` +
    `${printable(cwd)} belongs to ${await describeUser(otherOwner)}. If you trust it, name it: ${howToName(file)}.`
  );
}

function howToName(file: string): string {
  return `MCP_AUTH_CONFIG=${shellQuoted(file)} or --config ${shellQuoted(file)}`;
}

/**
 * `config_not_found` for a search without result. What was found comes first: files whose name is not that of a config,
 * and the nearest config beyond. Then come the places that were searched.
 */
export async function configNotFound(
  searchedPlaces: readonly string[],
  { searched, beyond, refused }: ProjectFolders,
  fs: FileSystem,
): Promise<McpAuthError> {
  const lines = searchedPlaces.map((place) => `\n  ${printable(place)}`).join("");
  const { describeSimilarFiles } = await import("./similar-files.js");
  const lookedFor = searchedPlaces.length === 0 ? "" : ` Looked for:${lines}`;
  const inBeyond = await describeConfigBeyond(beyond, fs);
  const found = [...(await describeSimilarFiles(searched)), ...(inBeyond === undefined ? [] : [inBeyond])];
  // A config that a person expects to be found says more than that there is none.
  const first =
    inBeyond !== undefined && found.length === 1 ? [] : ["No config found where the search looks."];
  const [headline, otherwise] =
    found.length === 0
      ? ["No config found. ", "Create"]
      : [[...first, ...found, ""].join("\n"), "Otherwise, create"];
  return new McpAuthError(
    "config_not_found",
    `${headline}${otherwise} mcp-auth.config.json with \`npx mcp-auth-runtime init\`, or name the file with --config or ` +
      `MCP_AUTH_CONFIG.${lookedFor}` +
      (inBeyond === undefined ? await describeRefused(refused) : ""),
  );
}

/**
 * Describes the nearest config outside of the searched folders, because the user may expect it to be found. Does not
 * read it.
 */
async function describeConfigBeyond(
  beyond: ProjectFolders["beyond"],
  fs: FileSystem,
): Promise<string | undefined> {
  for (const { folder, reason } of beyond) {
    for (const name of configFileNames) {
      const file = join(folder, name);
      if (name === packageJson || !(await fileExists(file, fs))) continue;
      const why = `which is not searched, because ${printable(await reason())}`;
      return `Found ${printable(file)}, ${why}. To use it, name it: ${howToName(file)}.`;
    }
  }
  return undefined;
}

/** Says why the search ended before the project did. */
async function describeRefused(refused: ProjectFolders["refused"]): Promise<string> {
  const [problem] = refused?.problems ?? [];
  if (refused === undefined || problem === undefined) return "";
  return `\nNot searched: ${printable(refused.folder)} (${printable(await describeProblem(problem))})`;
}
