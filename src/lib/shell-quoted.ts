import { printable } from "./printable.js";

// PowerShell replaces `$name` and `$(command)` in double quotes, cmd.exe `%NAME%`, and both end them at a quote. No way
// to quote these characters is right for both.
const unquotable = /[$`%"\u201c-\u201e]/g;

const plain = /^[\w@%+=:,./-]+$/;
/** In PowerShell, a comma makes a list, and an @ at the beginning names a variable. */
const plainOnWindows = /^[\w+=:./\\-]+$/;

/**
 * Quotes a text for a shell: a path, a URL or a name. Somebody else may have chosen it, so that it runs a command when
 * the line is pasted. On Windows, characters that cannot be quoted are escaped: the line then does nothing useful.
 */
export function shellQuoted(text: string): string {
  const shown = printable(text);
  const isWindows = process.platform === "win32";
  if ((isWindows ? plainOnWindows : plain).test(shown)) return shown;
  if (!isWindows) return `'${shown.replaceAll("'", "'\\''")}'`;
  return `"${shown.replaceAll(unquotable, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`)}"`;
}
