import { randomUUID } from "node:crypto";
import { chmod, realpath, rename, rm, stat, writeFile } from "node:fs/promises";
import { printable } from "../lib/printable.js";
import { UsageError } from "./options.js";

/** Writes beside a file and renames, so that no failure leaves half of it. Its mode stays, and a link to it too. */
export async function replaceFile(file: string, text: string): Promise<void> {
  const target = await realpath(file);
  const { mode } = await stat(target);
  const beside = `${target}.${randomUUID()}.tmp`;
  try {
    await writeFile(beside, text, { mode: 0o600, flag: "wx" });
    await chmod(beside, mode & 0o777);
    await rename(beside, target);
  } catch (error) {
    await rm(beside, { force: true });
    const reason = error instanceof Error && "code" in error ? ` (${String(error.code)})` : "";
    throw new UsageError(`The file cannot be written${reason}: ${printable(file)}`);
  }
}
