import { randomUUID } from "node:crypto";
import { open, realpath, rename, rm, stat } from "node:fs/promises";
import { errorCode } from "../errors/expected-errors.js";
import { printable } from "../lib/printable.js";
import { UsageError } from "./options.js";
import { removeOnExit } from "./remove-on-exit.js";

/**
 * Replaces the content of a file. It writes a new file beside it and renames that, so that a failure leaves the old
 * content. The mode of the file, and a link to it, are kept.
 */
export async function replaceFile(file: string, text: string): Promise<void> {
  const target = await realpath(file);
  const { mode } = await stat(target);
  const temporary = `${target}.${randomUUID()}.tmp`;
  const isFinished = removeOnExit(temporary);
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(text);
      // By descriptor, because the path may lead to another file by now.
      await handle.chmod(mode & 0o777);
    } finally {
      await handle.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    const code = errorCode(error);
    if (code === undefined) throw error;
    const remedy =
      code === "ENOSPC" || code === "EDQUOT" ? "Free some space." : "Check the permissions of its folder.";
    throw new UsageError(`The file ${printable(file)} cannot be written (${code}). ${remedy}`);
  } finally {
    isFinished();
  }
}
