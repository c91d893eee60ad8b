import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { runProcess } from "../../lib/run-process.js";
import type { CommandIo } from "../io.js";

/** Milliseconds. Git answers in a few; a slow disk must not hold up the command. */
const gitTimeout = 5_000;

/**
 * For a missing object, git asks the remote, with a program that the repository's config can name. Older versions know
 * only the second variable, with which no protocol is allowed.
 */
const withoutFetch = { GIT_NO_LAZY_FETCH: "1", GIT_ALLOW_PROTOCOL: "none" };

/**
 * Whether `git add` would add a file: it is in a work tree, and no rule of `.gitignore` excludes it. `unknown` if git
 * is not installed or does not answer.
 */
export async function gitTracks(
  file: string,
  { env, signal }: Pick<CommandIo, "env" | "signal">,
): Promise<boolean | "unknown"> {
  const folder = dirname(file);
  if (!isInWorkTree(folder)) return false;
  // Prints the files that are not ignored, and succeeds in each case. No command of the repository's config is run.
  const command = [
    ...[
      "git",
      "-C",
      folder,
      "-c",
      "core.fsmonitor=false",
      "ls-files",
      "--others",
      "--cached",
      "--exclude-standard",
    ],
    ...["--", `:(literal)${file}`],
  ];
  const outcome = await runProcess({
    // Not in the folder: Windows looks for git.exe in the working directory before PATH.
    ...{ command, cwd: dirname(process.execPath), timeout: gitTimeout, signal },
    env: { ...env, ...withoutFetch },
  });
  return outcome.kind === "done" ? outcome.stdout.length > 0 : "unknown";
}

function isInWorkTree(folder: string): boolean {
  if (existsSync(join(folder, ".git"))) return true;
  const parent = dirname(folder);
  return parent !== folder && isInWorkTree(parent);
}
