// What happens to keys on their way into variables and files. No shape has more than one meaning.

/** A way in which the text of a key is changed without changing its meaning. */
export interface Shape {
  readonly name: string;
  /** Keys of other notations do not get into this shape. */
  readonly of: "pem" | "json" | "any";
  change(text: string): string | Buffer;
}

const base64 = (text: string | Buffer) => Buffer.from(text).toString("base64");
const wrapped = (text: string, width = 76) =>
  text.replaceAll(new RegExp(`.{${width}}(?=.)`, "g"), (line) => `${line}\n`);
const bigEndian = (text: string) => Buffer.from(text, "utf16le").swap16();

/** Shapes that a variable can have. */
export const textShapes: readonly Shape[] = [
  { name: "unchanged", of: "any", change: (text) => text },
  { name: "with Windows line ends", of: "any", change: (text) => text.replaceAll("\n", "\r\n") },
  { name: "with old Mac line ends", of: "any", change: (text) => text.replaceAll("\n", "\r") },
  { name: "with line breaks written as \\n", of: "any", change: (text) => text.replaceAll("\n", "\\n") },
  { name: "with line breaks written as \\\\n", of: "any", change: (text) => text.replaceAll("\n", "\\\\n") },
  {
    name: "with line breaks written as \\\\\\\\n",
    of: "pem",
    change: (text) => text.replaceAll("\n", "\\\\\\\\n"),
  },
  {
    name: "with line breaks written as \\r\\n",
    of: "any",
    change: (text) => text.replaceAll("\n", "\\r\\n"),
  },
  { name: "with \\n and line breaks", of: "any", change: (text) => text.replaceAll("\n", "\\n\n") },
  {
    name: "with backslashes at the ends of lines",
    of: "pem",
    change: (text) => text.replaceAll("\n", "\\\n"),
  },
  { name: "with spaces in place of line breaks", of: "any", change: (text) => text.replaceAll("\n", " ") },
  { name: "with tabs in place of line breaks", of: "any", change: (text) => text.replaceAll("\n", "\t") },
  { name: "without line breaks", of: "any", change: (text) => text.replaceAll("\n", "") },
  { name: "without white space", of: "pem", change: (text) => text.replaceAll(/\s/g, "") },
  { name: "with empty lines", of: "any", change: (text) => text.replaceAll("\n", "\n\n") },
  { name: "indented", of: "any", change: (text) => text.replaceAll(/^/gm, "      ") },
  { name: "with spaces around it", of: "any", change: (text) => `\n  ${text}  \n\n` },
  { name: "with a byte order mark", of: "any", change: (text) => `\ufeff${text}` },
  { name: "with escaped slashes", of: "pem", change: (text) => text.replaceAll("/", "\\/") },
  { name: "in double quotes", of: "any", change: (text) => `"${text}"` },
  { name: "in single quotes", of: "any", change: (text) => `'${text}'` },
  { name: "in double quotes, with \\n", of: "any", change: (text) => `"${text.replaceAll("\n", "\\n")}"` },
  { name: "in single quotes, with \\n", of: "any", change: (text) => `'${text.replaceAll("\n", "\\n")}'` },
  { name: "in two kinds of quotes", of: "any", change: (text) => `'"${text}"'` },
  { name: "as a JSON string", of: "any", change: (text) => JSON.stringify(text) },
  {
    name: "as a JSON string in a JSON string",
    of: "any",
    change: (text) => JSON.stringify(JSON.stringify(text)),
  },
  { name: "escaped as in a JSON string", of: "any", change: (text) => JSON.stringify(text).slice(1, -1) },
  { name: "as a line of a .env file", of: "pem", change: (text) => `KEY="${text.replaceAll("\n", "\\n")}"` },
  { name: "as bytes of Python", of: "pem", change: (text) => `b'${text.replaceAll("\n", "\\n")}'` },
  { name: "in base64", of: "any", change: (text) => base64(text) },
  { name: "in base64url", of: "any", change: (text) => Buffer.from(text).toString("base64url") },
  { name: "in base64 without padding", of: "any", change: (text) => base64(text).replaceAll("=", "") },
  { name: "in base64 with lines", of: "any", change: (text) => `${wrapped(base64(text))}\n` },
  { name: "in base64 with \\n", of: "any", change: (text) => wrapped(base64(text)).replaceAll("\n", "\\n") },
  { name: "in base64 in quotes", of: "any", change: (text) => `"${base64(text)}"` },
  { name: "in base64 with \\n inside", of: "any", change: (text) => base64(text.replaceAll("\n", "\\n")) },
  { name: "in base64 twice", of: "any", change: (text) => base64(base64(text)) },
  { name: "in base64 of UTF-16", of: "any", change: (text) => base64(Buffer.from(text, "utf16le")) },
  {
    name: "as a data URL",
    of: "any",
    change: (text) => `data:application/x-pem-file;base64,${base64(text)}`,
  },
];

/** Shapes that only a file can have. */
export const fileShapes: readonly Shape[] = [
  { name: "in UTF-16 with a mark", of: "any", change: (text) => Buffer.from(`\ufeff${text}`, "utf16le") },
  { name: "in UTF-16 without a mark", of: "any", change: (text) => Buffer.from(text, "utf16le") },
  { name: "in big-endian UTF-16 with a mark", of: "any", change: (text) => bigEndian(`\ufeff${text}`) },
  { name: "in big-endian UTF-16 without a mark", of: "any", change: (text) => bigEndian(text) },
  {
    name: "in UTF-16 with Windows line ends",
    of: "any",
    change: (text) => Buffer.from(`\ufeff${text.replaceAll("\n", "\r\n")}`, "utf16le"),
  },
];

export function shapesOf(notation: "pem" | "json", shapes: readonly Shape[]): readonly Shape[] {
  return shapes.filter(({ of }) => of === "any" || of === notation);
}
