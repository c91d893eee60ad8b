import { unreachable } from "../lib/unreachable.js";
import { type Path, toPointer, valueAt } from "./json.js";
import { type Fix, type Mistake, type SourceDocument, unquotedText } from "./source-document.js";

/** A replacement in the text of a file. */
export interface Edit {
  readonly offset: number;
  readonly length: number;
  readonly text: string;
}

/** Returns the edit that corrects a mistake, or `undefined` if the text does not show clearly what to replace. */
export function editFor(document: SourceDocument, { fix, path }: Mistake): Edit | undefined {
  if (fix === undefined || document.text === undefined) return undefined;
  if (fix.kind === "quote") return quotesFor(document, path);
  const { written, offset } = target(document, fix, path);
  if (offset === undefined || typeof written !== "string") return undefined;
  for (const quote of ['"', "'", ""]) {
    const old = `${quote}${written}${quote}`;
    if (!document.text.startsWith(old, offset)) continue;
    const text = replacement(fix, quote);
    return text === undefined ? undefined : { offset, length: old.length, text };
  }
  // The text is written with escapes, or over several lines.
  return undefined;
}

function replacement({ kind, to }: Exclude<Fix, { kind: "quote" }>, quote: string): string | undefined {
  // With the names in quotes, a reference is correct in JSON and in YAML.
  if (kind === "reference") return `{ "env": "${to}" }`;
  // In YAML, text without quotes cannot have braces everywhere.
  if (quote !== "" || !/[{}]/.test(to)) return `${quote}${to}${quote}`;
  return /["\\]/.test(to) ? undefined : `"${to}"`;
}

function quotesFor(document: SourceDocument, path: Path): Edit | undefined {
  const written = unquotedText(document, path);
  const offset = document.positions.get(toPointer(path))?.value;
  if (written === undefined || offset === undefined) return undefined;
  return { offset, length: written.length, text: `"${written}"` };
}

/** Returns the name or value to replace, and its offset. */
function target(document: SourceDocument, { kind }: Exclude<Fix, { kind: "quote" }>, path: Path) {
  const position = document.positions.get(toPointer(path));
  switch (kind) {
    case "name":
      return { written: path.at(-1), offset: position?.name };
    case "text":
    case "reference":
      return { written: valueAt(document.value, path), offset: position?.value };
    default:
      return unreachable(kind);
  }
}

export function applyEdits(text: string, edits: readonly Edit[]): string {
  const parts: string[] = [];
  let end = 0;
  for (const { offset, length, text: replacement } of edits.toSorted((a, b) => a.offset - b.offset)) {
    // The text of this edit is inside of the one before it, and was replaced with it.
    if (offset < end) continue;
    parts.push(text.slice(end, offset), replacement);
    end = offset + length;
  }
  return [...parts, text.slice(end)].join("");
}
