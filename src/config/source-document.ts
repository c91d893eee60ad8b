import type { Violation } from "../errors/error.js";
import { printable } from "../lib/printable.js";

/** What a config is made of, whichever notation it was written in. Objects have no prototype. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [name: string]: Json;
}

/** A config needs nowhere near as many values. What looks at each beside each other needs an end somewhere. */
export const mostValues = 100_000;

/** No config goes as deep. What calls itself for each level must never run out of stack, where Node may end the process. */
export const mostLevels = 100;

/** The names and indexes that lead from the document to a value in it. */
export type Path = readonly string[];

/** How a mistake can be mended without asking: there is only one thing that was meant. */
export interface Fix {
  /** The name of the property, the string that is its value, or that string as a reference to a variable. */
  readonly kind: "name" | "text" | "reference";
  readonly to: string;
}

/** Something to correct, before it is known on which line it is. */
export interface Mistake {
  readonly path: Path;
  /** Point at the name of the property rather than at its value. */
  readonly atName?: boolean;
  /** Where it is in the text, when that does not follow from `path`. */
  readonly offset?: number;
  readonly message: string;
  readonly hint?: string;
  /** What the schema says of the same place follows from this mistake. */
  readonly settles?: boolean;
  readonly fix?: Fix;
}

interface Place {
  readonly name?: number;
  readonly value: number;
}

/** A config as it was read: its value, and where each part of it stands. */
export interface SourceDocument {
  /** Absent for a config given as an object. */
  readonly file?: string;
  readonly text?: string;
  /** What leads to the config in the file: `mcp-auth` in `package.json`. */
  readonly prefix: Path;
  /** `undefined` when it could not be parsed; then `mistakes` says why. */
  readonly value: Json | undefined;
  readonly mistakes: readonly Mistake[];
  /** Offsets into `text` by JSON pointer, without `prefix`. */
  readonly places: ReadonlyMap<string, Place>;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A property of its own, so that a server may be called `constructor`. */
export function property(object: unknown, name: string): Json | undefined {
  return isObject(object) && Object.hasOwn(object, name) ? object[name] : undefined;
}

/** A name that the object already has. */
export function duplicate(path: readonly string[], offset: number): Mistake {
  const name = JSON.stringify(path.at(-1));
  return {
    path,
    offset,
    message: `The property ${name} is here for the second time`,
    hint: "Keep one of them",
  };
}

/** RFC 6901 §3. */
export function toPointer(path: Path): string {
  return path.map((name) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

/** RFC 6901 §4. */
export function fromPointer(pointer: string): Path {
  return pointer
    .split("/")
    .slice(1)
    .map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
}

export function toViolation(document: SourceDocument, mistake: Mistake): Violation {
  const offset = mistake.offset ?? offsetOf(document, mistake);
  return {
    ...(document.file !== undefined && { file: document.file }),
    ...(document.text !== undefined && lineAndColumn(document, document.text, offset)),
    pointer: toPointer([...document.prefix, ...mistake.path]),
    // Names from the file may stand in both. The pointer is left as RFC 6901 has it, since programs follow it.
    message: printable(mistake.message),
    ...(mistake.hint !== undefined && { hint: printable(mistake.hint) }),
  };
}

function offsetOf({ places }: SourceDocument, { path, atName }: Mistake): number {
  // What is missing has no place; what should contain it has.
  for (let length = path.length; length >= 0; length -= 1) {
    const place = places.get(toPointer(path.slice(0, length)));
    if (place !== undefined) return (atName === true && place.name) || place.value;
  }
  return 0;
}

/** 1-based. Where each line of the text begins is found out once. */
function lineAndColumn(
  document: SourceDocument,
  text: string,
  offset: number,
): { line: number; column: number } {
  const starts = lineStarts.get(document) ?? startsOfLines(text);
  lineStarts.set(document, starts);
  // The last line that begins at or before the offset.
  let line = 0;
  for (let step = 2 ** 20; step >= 1; step /= 2) {
    if ((starts[line + step] ?? Number.POSITIVE_INFINITY) <= offset) line += step;
  }
  return { line: line + 1, column: offset - (starts[line] ?? 0) + 1 };
}

const lineStarts = new WeakMap<SourceDocument, readonly number[]>();

function startsOfLines(text: string): readonly number[] {
  return [0, ...[...text.matchAll(/\r\n|\n|\r/g)].map(({ index, 0: end }) => index + end.length)];
}
