// Control characters (a terminal obeys them), format characters (bidirectional ones show a text in another order than it
// has), what ends a line for some readers, what shows as nothing, and halves of surrogate pairs, which are no characters.
// And the `##` of `##[` and `##vso[`, wherever they stand in a line: the runners of GitHub and Azure Pipelines take what
// follows for a command.
const unprintable = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]|#(?=#[a-z]*\[)/giu;
// Most texts. To make the expression above takes a third of a millisecond.
const plain = /^[\x20-\x22\x24-\x7e]*$/;

/**
 * A text from elsewhere (a path, an argument, a name in a config) as it may stand in a message: on one line, and with
 * nothing that a terminal, a log viewer or a CI runner acts on. Each such character becomes `\uXXXX`, one beyond U+FFFF two
 * of them, as in JSON. Applied twice it changes nothing more.
 */
export function printable(text: string): string {
  return plain.test(text) ? text : text.replaceAll(unprintable, unicodeEscape);
}

/** The same in double quotes, for what may have spaces in it. */
export function quoted(text: string): string {
  return printable(JSON.stringify(text));
}

/**
 * A text of several lines as it may be printed: each is `printable`, and none is a command to GitHub's runner, which takes a line
 * for one that begins with `::`, after any white space.
 */
export function printableLines(text: string): string {
  return text
    .split("\n")
    .map((line) =>
      printable(line).replace(/^(\s*):(?=:)/, (_match, space: string) => space + unicodeEscape(":")),
    )
    .join("\n");
}

/** A character as JSON can write it. */
function unicodeEscape(character: string): string {
  let text = "";
  for (let index = 0; index < character.length; index += 1) {
    text += `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`;
  }
  return text;
}

const mostListed = 10;

/** Returns the first ten names of a list for a message, and how many more there are. */
export function someOf(names: readonly string[]): string {
  const more = names.length - mostListed;
  return names.slice(0, mostListed).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
