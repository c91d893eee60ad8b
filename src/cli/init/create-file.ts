import { randomUUID } from "node:crypto";
import { constants, copyFile, link, rm, writeFile } from "node:fs/promises";
import { errorCode } from "../../errors/expected-errors.js";
import { printable } from "../../lib/printable.js";
import { UsageError } from "../options.js";
import { removeOnExit } from "../remove-on-exit.js";

/**
 * Creates a file with all of its content at once. Throws `UsageError` if something is at its path by now, also a link.
 */
export async function createFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomUUID()}.tmp`;
  const isFinished = removeOnExit(temporary);
  try {
    await writeFile(temporary, text, { flag: "wx", mode: 0o644 });
    // Unlike a renamed file, a second name for a file never replaces what is there.
    await link(temporary, file).catch(async (error: unknown) => {
      // The file system has no second names.
      if (!["EPERM", "ENOTSUP", "ENOSYS", "EOPNOTSUPP"].includes(errorCode(error) ?? "")) throw error;
      await copyFile(temporary, file, constants.COPYFILE_EXCL);
    });
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw error;
    throw new UsageError(`The file ${printable(file)} cannot be created (${code}). ${remedyFor(code)}`);
  } finally {
    await rm(temporary, { force: true });
    isFinished();
  }
}

function remedyFor(code: string): string {
  switch (code) {
    case "EEXIST":
      return "A file, a folder or a link is there by now. Look at it, and run the command again.";
    case "ENOENT":
      return "Create its folder first.";
    case "ENOSPC":
    case "EDQUOT":
      return "Free some space, and run the command again.";
    default:
      return "Check the permissions of its folder.";
  }
}
