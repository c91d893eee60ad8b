import { printable } from "./printable.js";

/** Quotes a path for a shell. Another user may have chosen a path that runs a command when the line is pasted. */
export function shellQuoted(path: string): string {
  const text = printable(path);
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return process.platform === "win32" ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
}
