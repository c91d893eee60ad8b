import { type Json, type Mistake, property, type SourceDocument, toPointer } from "./source-document.js";

/** A replacement in the text of a file. */
export interface Edit {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
}

/** The edit that mends a mistake, `undefined` where it is not clear from the text what to replace. */
export function editFor(document: SourceDocument, mistake: Mistake): Edit | undefined {
  const { fix, path } = mistake;
  const place = document.places.get(toPointer(path));
  if (fix === undefined || place === undefined || document.text === undefined) return undefined;
  const offset = fix.kind === "name" ? place.name : place.value;
  const written = fix.kind === "name" ? path.at(-1) : valueAt(document.value, path);
  if (offset === undefined || typeof written !== "string") return undefined;
  for (const quote of ['"', "'", ""]) {
    const old = `${quote}${written}${quote}`;
    if (!document.text.startsWith(old, offset)) continue;
    // With quotes around the names it is right in both notations.
    const text = fix.kind === "reference" ? `{ "env": "${fix.to}" }` : `${quote}${fix.to}${quote}`;
    return { offset, length: old.length, text };
  }
  // Written with escapes, or over several lines.
  return undefined;
}

export function applyEdits(text: string, edits: readonly Edit[]): string {
  let edited = text;
  for (const { offset, length, text: replacement } of [...edits].sort((a, b) => b.offset - a.offset)) {
    edited = edited.slice(0, offset) + replacement + edited.slice(offset + length);
  }
  return edited;
}

function valueAt(value: Json | undefined, path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>((inner, name) => property(inner, name), value);
}
