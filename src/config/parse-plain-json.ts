import { isObject, type Json, maxDepth, maxValues, withoutPrototype } from "./json.js";

/**
 * Parses JSON without comments and trailing commas, so that no library has to be loaded. Returns `undefined` for any
 * other text, for a text with duplicate names in an object, and for one with too many values. `parseJson` reports these
 * mistakes.
 */
export function parsePlainJson(text: string): Json | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
  let values = 0;
  let names = 0;
  /** Removes the prototypes of a value, and counts what it contains. Returns whether it is within the limits. */
  const visit = (value: unknown, depth: number): boolean => {
    values += 1;
    if (values > maxValues || depth > maxDepth) return false;
    if (Array.isArray(value)) return value.every((item) => visit(item, depth + 1));
    if (!isObject(value)) return true;
    withoutPrototype(value);
    for (const name in value) {
      names += 1;
      if (!visit(value[name], depth + 1)) return false;
    }
    return true;
  };
  // JSON has no values of other types.
  return visit(parsed, 0) && names === countNames(text) ? (parsed as Json) : undefined;
}

/** Counts the property names in a text that is valid JSON. `JSON.parse` drops all but the last of equal names. */
function countNames(text: string): number {
  let names = 0;
  for (let start = text.indexOf('"'); start !== -1; start = text.indexOf('"', start)) {
    let end = text.indexOf('"', start + 1);
    while (isEscaped(text, end)) end = text.indexOf('"', end + 1);
    start = end + 1;
    while (isSpace(text.charCodeAt(start))) start += 1;
    if (text.charCodeAt(start) === colon) names += 1;
  }
  return names;
}

const colon = 0x3a;
const backslash = 0x5c;

/** Whether an odd number of backslashes precedes a quote. */
function isEscaped(text: string, quote: number): boolean {
  let start = quote;
  while (text.charCodeAt(start - 1) === backslash) start -= 1;
  return (quote - start) % 2 === 1;
}

/** RFC 8259 §2. */
function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
