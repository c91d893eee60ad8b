import { stat } from "node:fs/promises";
import { dirname, extname, join } from "node:path";
import { asyncFileSystem as fs } from "../../config/async-file-system.js";
import { fileExists, ifExaminable } from "../../config/file-system.js";
import { folderAndParents } from "../../config/project-folders.js";
import { pathInside, withSlashes } from "../../lib/path-inside.js";
import { printable } from "../../lib/printable.js";
import type { CommandIo } from "../io.js";
import { appendToFile } from "./append-to-file.js";

const longestFile = 1_048_576;

/** What a `.gitignore` should have. */
export interface IgnoreAdvice {
  /** The `.gitignore` beside the config. Absolute. */
  readonly file: string;
  readonly isNew: boolean;
  /** Its missing lines. At least one. */
  readonly lines: readonly string[];
}

/**
 * Returns the lines that keep files with secrets out of commits, or `undefined` if none is missing: the folder is in no
 * repository, or each file has a usual pattern in a `.gitignore` from its folder up to the top.
 *
 * @param folder of the config
 * @param secrets absolute
 */
export async function adviseToIgnore(
  folder: string,
  secrets: readonly string[],
): Promise<IgnoreAdvice | undefined> {
  // A pattern beside the config reaches no file outside of its folder.
  const inside = secrets.flatMap((secret) => {
    const path = pathInside(folder, secret);
    return path === undefined ? [] : [{ secret, line: lineFor(withSlashes(path)) }];
  });
  const may = await Promise.all(inside.map(({ secret }) => mayCommit(secret)));
  const lines = inside.filter((_, index) => may[index]).map(({ line }) => line);
  if (lines.length === 0) return undefined;
  const file = join(folder, ".gitignore");
  return { file, isNew: !(await fileExists(file, fs)), lines: [...new Set(lines)] };
}

/** On a terminal, asks whether to add the lines. Elsewhere, and if not, only says that they are missing. */
export async function askToIgnore(
  { ask, print }: Pick<CommandIo, "ask" | "print">,
  advice: IgnoreAdvice,
): Promise<boolean> {
  const { isNew, lines } = advice;
  const what = lines.map(printable).join(" and ");
  const question = isNew ? `Create .gitignore with ${what}` : `Add ${what} to .gitignore`;
  if (ask !== undefined && (await ask.confirm(`${question}, so that git never commits a secret?`)))
    return true;
  const state = isNew ? "there is no .gitignore" : `.gitignore does not have ${what}`;
  const remedy = isNew ? `Create one with ${what}` : `Add ${lines.length > 1 ? "them" : "it"}`;
  print.note(`warning: ${state}. ${remedy} before you write a secret there.`);
  return false;
}

/** Adds the lines. Returns whether the file has them now. */
export async function addToGitIgnore({ file, lines }: IgnoreAdvice): Promise<boolean> {
  return await appendToFile(file, () => lines.map((line) => `${line}\n`).join(""));
}

/** Whether a file is in a repository, and no usual pattern excludes it. */
async function mayCommit(secret: string): Promise<boolean> {
  for (const parent of folderAndParents(dirname(secret))) {
    const ignore = await ifExaminable(() => fs.read(join(parent, ".gitignore"), longestFile));
    const path = withSlashes(pathInside(parent, secret) ?? secret);
    if (ignore !== undefined && "text" in ignore && ignores(ignore.text, path)) return false;
    const isTop = (await ifExaminable(() => stat(join(parent, ".git")))) !== undefined;
    if (isTop) return true;
  }
  return false;
}

/** Returns the line of a `.gitignore` that excludes a file: its folder, if that is for secrets. */
function lineFor(path: string): string {
  return path.startsWith("secrets/") ? "secrets/" : path;
}

/** Whether a `.gitignore` excludes a path that is relative to its folder. Knows the patterns that people use for this. */
function ignores(text: string, path: string): boolean {
  const parts = path.split("/");
  const name = parts.at(-1) ?? "";
  const isEnv = name === ".env";
  const usual = new Set([
    ...parts,
    parts.join("/"),
    `*${extname(name)}`,
    ...parts.map((part) => `${part}/*`),
  ]);
  return text.split(/\r?\n/).some((line) => {
    const pattern = line
      .trim()
      .replace(/^(?:\*\*)?\//, "")
      .replace(/\/(?:\*\*)?$/, "");
    return usual.has(pattern) || (isEnv && /^(?:\.env\*?|\.env\.?\*|\*\.env|\.\*)$/.test(pattern));
  });
}
