import { open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { errorCode } from "../../errors/expected-errors.js";
import { printable } from "../../lib/printable.js";
import { makeFolderDurably } from "../../stores/durable-file.js";
import { UsageError } from "../options.js";
import { removeOnExit } from "../remove-on-exit.js";

/**
 * Writes a private key to a new file of mode 0600, and creates its folder with mode 0700 if there is none. Never
 * touches a file that exists, nor one that a link leads to. Throws `UsageError`.
 *
 * @param file absolute
 * @param shown the path as the person typed it
 */
export async function writeKeyFile(file: string, text: string, shown: string): Promise<void> {
  let [folderExists, created] = [false, false];
  let isFinished: (() => void) | undefined;
  try {
    await makeFolderDurably(dirname(file));
    folderExists = true;
    const handle = await open(file, "wx", 0o600);
    created = true;
    isFinished = removeOnExit(file);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (created) await rm(file, { force: true });
    const code = errorCode(error);
    if (code === undefined) throw error;
    // A file in place of a folder.
    const reason = code === "EEXIST" && !folderExists ? "ENOTDIR" : code;
    throw new UsageError(`${printable(shown)} cannot be written: ${problemOf(reason)}`);
  } finally {
    isFinished?.();
  }
}

function problemOf(code: string): string {
  switch (code) {
    case "EEXIST":
      return "there is a file already, and it may hold a key in use. Name another file, or move that one away.";
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return `this user may not write there (${code}). Name a file in a folder of your own.`;
    case "ENOSPC":
    case "EDQUOT":
      return `there is no space left (${code}). Free some, or name another file.`;
    case "ENOTDIR":
      return "a part of its path is a file. Correct the path.";
    default:
      return `${code}. Correct the path, or name another file.`;
  }
}
