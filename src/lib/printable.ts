// Matches control characters, which a terminal obeys; format characters, because some of them reorder the text;
// characters that end a line for some readers or are invisible; and unpaired surrogates, which are not characters. Also
// matches the first `#` of `##[` and `##vso[` anywhere in a line, because the runners of GitHub and Azure Pipelines
// treat the rest as a command.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]|#(?=#[a-z]*\[)/giu;
// Matches most texts, so that the expression above is rarely needed: compiling it takes a third of a millisecond.
const plain = /^[\x20-\x22\x24-\x7e]*$/;

/**
 * Returns a text from outside (a path, an argument, a name in a config) for a message: on one line, and without
 * anything that a terminal, a log viewer or a CI runner acts on. Each such character becomes `\uXXXX` as in JSON, and
 * one beyond U+FFFF becomes two of them. The result is printable, so the function returns it unchanged.
 */
export function printable(text: string): string {
  return plain.test(text) ? text : text.replaceAll(unprintable, unicodeEscape);
}

/** Returns a printable text in double quotes, for texts that may contain spaces. */
export function quoted(text: string): string {
  return printable(JSON.stringify(text));
}

/**
 * Returns a printable text with several lines. No line can be a command for GitHub's runner, which is a line that
 * begins with `::` after white space.
 */
export function printableLines(text: string): string {
  return text
    .split("\n")
    .map((line) =>
      printable(line).replace(/^(\s*):(?=:)/, (_match, space: string) => space + unicodeEscape(":")),
    )
    .join("\n");
}

/** Escapes a character as in JSON. */
function unicodeEscape(character: string): string {
  let text = "";
  for (let index = 0; index < character.length; index += 1) {
    text += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  }
  return text;
}

/** Returns a text that begins a sentence. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const maxListed = 10;

/** Returns the first ten names of a list for a message, and how many more there are. */
export function someOf(names: readonly string[]): string {
  const more = names.length - maxListed;
  return names.slice(0, maxListed).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

/**
 * Returns a server's list of names for a message. Shows only registered names, each once, and says whether there were
 * others. Empty for an empty list.
 */
export function knownNames(listed: readonly string[], registered: ReadonlySet<string>): string {
  const known = [...new Set(listed)].filter((name) => registered.has(name));
  const others = listed.some((name) => !registered.has(name)) ? ["names that are not registered"] : [];
  return [...known, ...others].join(", ");
}
