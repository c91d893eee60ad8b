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
  const parts: string[] = [];
  let end = 0;
  for (const { offset, length, text: replacement } of [...edits].sort((a, b) => a.offset - b.offset)) {
    // What one of them has replaced is not there any more for another.
    if (offset < end) continue;
    parts.push(text.slice(end, offset), replacement);
    end = offset + length;
  }
  return [...parts, text.slice(end)].join("");
}

function valueAt(value: Json | undefined, path: readonly string[]): Json | undefined {
  return path.reduce<Json | undefined>((inner, name) => {
    // `Array.isArray` makes `any[]` of it.
    return Array.isArray(inner) ? (inner as readonly Json[])[Number(name)] : property(inner, name);
  }, value);
}
