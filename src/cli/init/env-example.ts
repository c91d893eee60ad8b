import { capitalized } from "../../lib/printable.js";
import { appendToFile } from "./append-to-file.js";

/** A variable that a config needs. */
export interface NeededVariable {
  readonly name: string;
  /** What it is for, on one line, as a phrase. */
  readonly comment: string;
}

/** How Node reads a file of variables. */
const quoting = "# A value with spaces, # or quotes needs quotes around it: NAME='a value'\n";

/**
 * Adds the names of variables to `.env.example`, without values. Leaves all lines as they are, and names that are there
 * out. Returns whether the file has them now, as `appendToFile` does.
 */
export async function addToEnvExample(file: string, variables: readonly NeededVariable[]): Promise<boolean> {
  return await appendToFile(file, (text) => {
    const missing = variables.filter(({ name }) => !has(text, name));
    const lines = missing.map(({ name, comment }) => `# ${capitalized(comment)}\n${name}=\n`).join("");
    return text === "" ? quoting + lines : lines;
  });
}

/** Whether a line is about a variable, also one that is commented out. The name has only letters, digits and `_`. */
function has(text: string, name: string): boolean {
  return new RegExp(`^\\s*#?\\s*(?:export\\s+)?${name}\\s*=`, "m").test(text);
}
