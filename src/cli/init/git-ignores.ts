import { stat } from "node:fs/promises";
import { join } from "node:path";
import { asyncFileSystem } from "../../config/async-file-system.js";
import { ifExaminable } from "../../config/file-system.js";
import { folderAndParents } from "../../config/project-folders.js";

const longestFile = 1_048_576;

/**
 * Whether `.env` in a folder could get into a commit: the folder is in a repository, and no `.gitignore` from it up to
 * the top has a usual pattern for `.env`.
 */
export async function mayCommitEnv(folder: string): Promise<boolean> {
  for (const parent of folderAndParents(folder)) {
    const ignore = await ifExaminable(() => asyncFileSystem.read(join(parent, ".gitignore"), longestFile));
    if (ignore !== undefined && "text" in ignore && ignoresEnv(ignore.text)) return false;
    const isTop = (await ifExaminable(() => stat(join(parent, ".git")))) !== undefined;
    if (isTop) return true;
  }
  return false;
}

function ignoresEnv(text: string): boolean {
  return text
    .split(/\r?\n/)
    .some((line) => /^(?:\*\*\/|\/)?(?:\.env\*?|\.env\.?\*|\*\.env|\.\*)$/.test(line.trim()));
}
