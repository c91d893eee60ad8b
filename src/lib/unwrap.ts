import { decodeAnyText } from "./decode-text.js";
import { isDerSequence } from "./der.js";
import { isJsonObject, type JsonObject } from "./json-object.js";
import { cleanBase64, looksLikePem } from "./pem-blocks.js";

/** What remains when quotes, escapes and base64 around a key or certificate are removed. */
export type Unwrapped =
  | { readonly kind: "pem"; readonly text: string }
  | { readonly kind: "json"; readonly value: JsonObject }
  | { readonly kind: "bytes"; readonly bytes: Uint8Array; readonly wasBase64: boolean }
  | { readonly kind: "other"; readonly text: string };

/** More than anyone wraps around a key by accident. */
const maxLayers = 6;

/** Shorter texts are not keys. Many words and passwords are base64 too. */
const minBase64 = 40;

/**
 * Removes what gets around a key on its way into a variable or a file: white space, quotes, escapes, and base64 of the
 * whole.
 */
export function unwrap(text: string): Unwrapped {
  let current = text.trim();
  for (let layer = 0; layer < maxLayers; layer += 1) {
    const json = asJson(current);
    if (isJsonObject(json)) return { kind: "json", value: json };
    const inner = typeof json === "string" ? json : withoutQuotes(current);
    if (inner !== undefined) {
      current = inner.trim();
      continue;
    }
    // The PEM in a JSON document that is cut short is not the key alone.
    if (current.startsWith("{")) break;
    if (looksLikePem(current)) return { kind: "pem", text: current };
    const [prefix = ""] = dataUrl.exec(current) ?? [];
    const base64 = cleanBase64(current.slice(prefix.length));
    if (base64 === undefined || base64.length < minBase64) break;
    const bytes = Buffer.from(base64, "base64");
    const decoded = isDerSequence(bytes) ? undefined : decodeAnyText(bytes);
    if (decoded === undefined) return { kind: "bytes", bytes, wasBase64: prefix === "" };
    current = decoded.trim();
  }
  return { kind: "other", text: current };
}

const dataUrl = /^data:[^,\s]{0,100};base64,/;

/**
 * Reads JSON: an object, or a string in double quotes. Also reads an object whose quotes are escaped, one with `\n`
 * between its members, and one with line breaks inside of its strings. Returns `undefined` for any other text.
 */
function asJson(text: string): unknown {
  if (text.startsWith('"')) return parse(text);
  if (!text.startsWith("{")) return undefined;
  return parse(text) ?? parse(`"${text}"`) ?? parse(text.replaceAll(stringOrEscape, repair));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // `JSON.parse` throws only a SyntaxError. Its message would quote the key.
    return undefined;
  }
}

/** Matches a string, a line break outside of a string that is written as an escape, or what must not be misread. */
const stringOrEscape = /"(?:[^"\\]|\\.)*"|\\{1,4}[nrt]|\\.|".*$/gs;

const controls: ReadonlyMap<string, string> = new Map([
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

function repair(found: string): string {
  if (!found.startsWith('"')) return " ";
  return found.replaceAll(/[\n\r\t]/g, (control) => controls.get(control) ?? control);
}

/** Returns a text without the quotes around it, or `undefined` if it has none. */
function withoutQuotes(text: string): string | undefined {
  const [quote] = text;
  const isQuoted = text.length >= 2 && (quote === '"' || quote === "'") && text.endsWith(quote);
  return isQuoted ? text.slice(1, -1) : undefined;
}
