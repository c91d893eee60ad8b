import { lstat, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { systemErrorCode } from "../../errors/expected-errors.js";
import { capitalized } from "../../lib/printable.js";
import { replaceFile } from "../replace-file.js";
import { createFile } from "./create-file.js";

/** A variable that a config needs. */
export interface NeededVariable {
  readonly name: string;
  /** What it is for, on one line, as a phrase. */
  readonly comment: string;
}

/**
 * Adds the names of variables to `.env.example`, without values. Leaves all lines as they are, and names that are there
 * out. Returns whether the file has them now: a link, what is not a file, and a file in a folder of another user are left
 * alone.
 */
export async function addToEnvExample(file: string, variables: readonly NeededVariable[]): Promise<boolean> {
  const isThere = await kindOf(file);
  if (isThere === "other") return false;
  const text = isThere === "file" ? await readFile(file, "utf8") : "";
  const missing = variables.filter(({ name }) => !has(text, name));
  if (missing.length === 0) return true;
  const added = missing.map(({ name, comment }) => `# ${capitalized(comment)}\n${name}=\n`).join("");
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

/** Whether a line is about a variable, also one that is commented out. The name has only letters, digits and `_`. */
function has(text: string, name: string): boolean {
  return new RegExp(`^\\s*#?\\s*(?:export\\s+)?${name}\\s*=`, "m").test(text);
}
