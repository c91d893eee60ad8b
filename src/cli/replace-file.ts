import { randomUUID } from "node:crypto";
import { open, realpath, rename, rm, stat } from "node:fs/promises";
import { printable } from "../lib/printable.js";
import { UsageError } from "./options.js";

/** Writes beside a file and renames, so that no failure leaves half of it. Its mode stays, and a link to it too. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const target = await realpath(file);
  const { mode } = await stat(target);
  const beside = `${target}.${randomUUID()}.tmp`;
  try {
    const handle = await open(beside, "wx", 0o600);
    try {
      await handle.writeFile(text);
      // By the descriptor: something else may have taken the place of the file.
      await handle.chmod(mode & 0o777);
    } finally {
      await handle.close();
    }
    await rename(beside, target);
  } catch (error) {
    await rm(beside, { force: true });
    const reason = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    throw new UsageError(`The file cannot be written${reason}: ${printable(file)}`);
  }
}
