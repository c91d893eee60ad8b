import { lstat, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { systemErrorCode } from "../../errors/expected-errors.js";
import { replaceFile } from "../replace-file.js";
import { createFile } from "./create-file.js";

/**
 * Adds to the end of a text file what `addition` returns for its text, and creates the file if there is none. Returns
 * whether the file has it now: a link, what is not a file, and a file in a folder of another user are left alone.
 */
export async function appendToFile(file: string, addition: (text: string) => string): Promise<boolean> {
  const isThere = await kindOf(file);
  if (isThere === "other") return false;
  const text = isThere === "file" ? await readFile(file, "utf8") : "";
  const added = addition(text);
  if (added === "") return true;
  const start = text === "" || text.endsWith("\n") ? text : `${text}\n`;
  if (isThere === "file") await replaceFile(file, start + added);
  else await createFile(file, added);
  return true;
}

async function kindOf(file: string): Promise<"file" | "nothing" | "other"> {
  try {
    if (!(await lstat(file)).isFile()) return "other";
    // The owner of the folder could put a link in its place, and make this user write to any file.
    const user = process.geteuid?.();
    const { uid } = await stat(dirname(file));
    return user === undefined || uid === user || uid === 0 ? "file" : "other";
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === undefined) throw error;
    return code === "ENOENT" ? "nothing" : "other";
  }
}
