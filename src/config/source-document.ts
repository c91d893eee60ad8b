import type { Violation } from "../errors/error.js";
import { printable } from "../lib/printable.js";
import { type Json, type Path, toPointer } from "./json.js";

/** A correction that `validate --fix` can make, because only one meaning is possible. */
export type Fix =
  /** What to replace: the name of the property, its string value, or that string by a reference to a variable. */
  | { readonly kind: "name" | "text" | "reference"; readonly to: string }
  /** A number or a boolean gets quotes. `found`: the end of the message, which shows it; absent if it is not shown. */
  | { readonly kind: "quote"; readonly found?: string };

/** Something that the author of a config must correct. `toViolations` adds the line and column. */
export interface Mistake {
  readonly path: Path;
  /** Whether the position is that of the property's name instead of its value. */
  readonly atName?: boolean;
  /** The offset in the text, if it does not follow from `path`. */
  readonly offset?: number;
  readonly message: string;
  readonly hint?: string;
  /** Whether schema errors at the same path follow from this mistake and are not reported. */
  readonly hidesSchemaErrors?: boolean;
  readonly fix?: Fix;
  /** Whether `path` and `offset` are those of the imported file. */
  readonly inImport?: boolean;
}

/** Offsets of a property's name, if it has one, and of its value. */
interface Position {
  readonly name?: number;
  readonly value: number;
  /** The end of the value, for a number or a boolean that is not an alias. */
  readonly end?: number;
}

/** A parsed config, with the position of each part in the text. */
export interface SourceDocument {
  /** Absent for a config given as an object. */
  readonly file?: string;
  readonly text?: string;
  /** The path of the config in the file: `mcp-auth` in a `package.json`. */
  readonly prefix: Path;
  /** `undefined` if the text could not be parsed. `mistakes` then says why. */
  readonly value: Json | undefined;
  readonly mistakes: readonly Mistake[];
  /** By JSON pointer, without `prefix`. Empty if the positions were not collected. */
  readonly positions: ReadonlyMap<string, Position>;
  /** Where the config has its URLs from, if it imports a file. */
  readonly imported?: ImportedPart;
}

/** The file that a config imports URLs from. */
export interface ImportedPart {
  readonly document: SourceDocument;
  /** The path of the URL in that file, or of what is in its place, by the name of the server. */
  readonly paths: ReadonlyMap<string, Path>;
}

export function duplicateProperty(path: Path, offset: number): Mistake {
  const name = JSON.stringify(path.at(-1));
  return { path, offset, message: `The property ${name} is defined twice`, hint: "Keep one of them" };
}

/** A mistake, and what is shown to the author of the config. */
export interface LocatedMistake<M extends Mistake> {
  readonly mistake: M;
  readonly violation: Violation;
}

/**
 * Finds the positions of mistakes, and returns the mistakes in the order of the text, those in an imported file last.
 */
export function locate<M extends Mistake>(
  document: SourceDocument,
  mistakes: readonly M[],
): readonly LocatedMistake<M>[] {
  return mistakes
    .map((mistake) => ({ mistake, violation: toViolation(document, mistake) }))
    .sort(({ violation: a }, { violation: b }) => {
      const order = Number(a.file !== document.file) - Number(b.file !== document.file);
      return order || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
    });
}

/** Returns the violations for mistakes, in the order of the text. */
export function toViolations(document: SourceDocument, mistakes: readonly Mistake[]): readonly Violation[] {
  return locate(document, mistakes).map(({ violation }) => violation);
}

function toViolation(config: SourceDocument, mistake: Mistake): Violation {
  const { document, path } = placeOf(config, mistake);
  const offset = mistake.offset ?? offsetOf(document, { ...mistake, path });
  const { message, hint } = asWritten(mistake, unquotedText(document, path));
  return {
    ...(document.file !== undefined && { file: document.file }),
    ...(document.text !== undefined && lineAndColumn(document, document.text, offset)),
    // The pointer is not escaped, because programs follow it. Messages and hints may have names from the file.
    pointer: toPointer([...document.prefix, ...path]),
    message: printable(message),
    ...(hint !== undefined && { hint: printable(hint) }),
  };
}

/**
 * Returns the message and the hint of a mistake. A number or a boolean that needs quotes is shown as in the file:
 * parsed, a long id would have other digits.
 */
function asWritten(
  { message, hint, fix }: Mistake,
  written: string | undefined,
): Pick<Mistake, "message" | "hint"> {
  if (fix?.kind !== "quote") return { message, ...(hint !== undefined && { hint }) };
  if (fix.found === undefined || written === undefined) return { message, hint: "Write it in quotes" };
  return {
    message: `${message.slice(0, -fix.found.length)}${written}`,
    hint: `Write it in quotes: "${written}"`,
  };
}

/** Returns the text of a number or a boolean in the file. */
export function unquotedText({ text, positions }: SourceDocument, path: Path): string | undefined {
  const { value, end } = positions.get(toPointer(path)) ?? {};
  return end === undefined ? undefined : text?.slice(value, end);
}

/** Returns the document that a mistake is in, and its path there. A URL may come from an imported file. */
function placeOf(
  config: SourceDocument,
  { path, inImport }: Mistake,
): { readonly document: SourceDocument; readonly path: Path } {
  if (config.imported === undefined) return { document: config, path };
  const { document, paths } = config.imported;
  if (inImport === true) return { document, path };
  const [section, server = "", name, ...deeper] = path;
  const isUrl = section === "servers" && name === "url" && deeper.length === 0;
  const imported = isUrl ? paths.get(server) : undefined;
  return imported === undefined ? { document: config, path } : { document, path: imported };
}

function offsetOf({ positions }: SourceDocument, { path, atName }: Mistake): number {
  // A missing property has no position, so its nearest ancestor counts.
  for (let length = path.length; length >= 0; length -= 1) {
    const position = positions.get(toPointer(path.slice(0, length)));
    if (position !== undefined) return (atName === true && position.name) || position.value;
  }
  return 0;
}

/** Returns the 1-based position of an offset, in UTF-16 code units. */
function lineAndColumn(
  document: SourceDocument,
  text: string,
  offset: number,
): { line: number; column: number } {
  const starts = lineStarts.get(document) ?? findLineStarts(text);
  lineStarts.set(document, starts);
  // A binary search for the last line that starts at or before the offset.
  let line = 0;
  for (let step = 2 ** 20; step >= 1; step /= 2) {
    if ((starts[line + step] ?? Number.POSITIVE_INFINITY) <= offset) line += step;
  }
  return { line: line + 1, column: offset - (starts[line] ?? 0) + 1 };
}

const lineStarts = new WeakMap<SourceDocument, readonly number[]>();

function findLineStarts(text: string): readonly number[] {
  return [0, ...[...text.matchAll(/\r\n|\n|\r/g)].map(({ index, 0: end }) => index + end.length)];
}
