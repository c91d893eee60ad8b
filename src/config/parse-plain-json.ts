import { isObject, type Json, maxDepth, maxValues } from "./json.js";

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
  let isTooLarge = false;
  const copy = (value: unknown, depth: number): Json => {
    values += 1;
    isTooLarge ||= values > maxValues || depth > maxDepth;
    if (isTooLarge) return null;
    if (Array.isArray(value)) return value.map((item) => copy(item, depth + 1));
    // JSON has no other values.
    if (!isObject(value)) return value as null | boolean | number | string;
    const object: Record<string, Json> = Object.create(null);
    for (const name of Object.keys(value)) {
      names += 1;
      object[name] = copy(value[name], depth + 1);
    }
    return object;
  };
  const value = copy(parsed, 0);
  return isTooLarge || names !== countNames(text) ? undefined : value;
}

/** Counts the property names in a text that is valid JSON. `JSON.parse` drops all but the last of equal names. */
function countNames(text: string): number {
  let names = 0;
  for (const [string] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?/g)) if (string.endsWith(":")) names += 1;
  return names;
}
