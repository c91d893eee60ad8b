import { basename, join } from "node:path";
import { McpAuthError } from "../errors/error.js";
import { printable } from "../lib/printable.js";
import { type Disk, isThere } from "./disk.js";
import { manifest, places } from "./explorer.js";
import { configInvalid } from "./format-violation.js";
import type { ProjectFolders } from "./project-folders.js";
import { type Doubt, describeDoubt, nameOfUser } from "./trust.js";

export function refuse(file: string, message: string, hint: string): McpAuthError {
  return configInvalid([{ file, pointer: "", message, hint }], file);
}

export function twoConfigs(first: string, second: string): McpAuthError {
  return refuse(second, `There is another config in this folder, ${basename(first)}`, "Keep one of them");
}

export function notThere(file: string, origin: string): McpAuthError {
  return new McpAuthError(
    "config_not_found",
    `There is no config file at ${printable(file)}, which ${origin}. Correct the path, or write the file.`,
  );
}

/** A config that the search found and that somebody else may have put there, or changed. */
export async function notTrusted(file: string, doubts: readonly Doubt[]): Promise<McpAuthError> {
  // The nearest two say enough.
  const reasons = await Promise.all(doubts.slice(0, 2).map(describeDoubt));
  const own = doubts.find((doubt) => doubt.kind === "mode" && doubt.uid === process.geteuid?.());
  const close = own === undefined ? "If" : `Run chmod o-w ${shellQuoted(own.path)}, or if`;
  return refuse(
    file,
    `The search found this config and does not use it: ${reasons.join(", and ")}`,
    `${close} you trust it, name it: ${remedy(file)}`,
  );
}

/** Ends the sentence "no secret can be had from …:". `stranger` owns the working directory. */
export async function whyNoCommands(file: string, cwd: string, stranger: number): Promise<string> {
  return (
    `commands of the config ${printable(file)} are not run, since the search found it and the working directory ` +
    `${printable(cwd)} belongs to ${await nameOfUser(stranger)}. If you trust it, name it: ${remedy(file)}.`
  );
}

function remedy(file: string): string {
  return `MCP_AUTH_CONFIG=${shellQuoted(file)} or --config ${shellQuoted(file)}`;
}

/** For a shell. The path may be somebody else's work, and is not to run anything when the line is pasted. */
function shellQuoted(path: string): string {
  const text = printable(path);
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return process.platform === "win32" ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
}

export async function notFound(
  tried: readonly string[],
  { beyond, refused }: ProjectFolders,
  disk: Disk,
): Promise<McpAuthError> {
  const lines = tried.map((place) => `\n  ${printable(place)}`).join("");
  const lookedFor = tried.length === 0 ? "" : ` Looked for:${lines}`;
  return new McpAuthError(
    "config_not_found",
    `No config found. Write mcp-auth.config.json, or say where it is with --config or MCP_AUTH_CONFIG.${lookedFor}` +
      ((await unsearched(beyond, disk)) ?? (await endOf(refused))),
  );
}

/** Names the nearest config that a person may have expected to be found. It is not read. */
async function unsearched(beyond: ProjectFolders["beyond"], disk: Disk): Promise<string | undefined> {
  for (const { folder, reason } of beyond) {
    for (const place of places) {
      const file = join(folder, place);
      if (place === manifest || !(await isThere(file, disk))) continue;
      return `\nNot searched: ${printable(file)} (${printable(await reason())})`;
    }
  }
  return undefined;
}

/** Says why the search ended before the project did. */
async function endOf(refused: ProjectFolders["refused"]): Promise<string> {
  const [doubt] = refused?.doubts ?? [];
  if (refused === undefined || doubt === undefined) return "";
  return `\nNot searched: ${printable(refused.folder)} (${printable(await describeDoubt(doubt))})`;
}
