import { isObject, type Json, mostLevels, mostValues } from "./source-document.js";

/**
 * The value of JSON as most files are: without comments, trailing commas and duplicate names. `undefined` for any other text,
 * and for one that is no config anyway. Where things stand in it is not known.
 */
export function parsePlainJson(text: string): Json | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  let values = 0;
  let names = 0;
  const read = (value: unknown, depth: number): Json => {
    values += 1;
    if (values > mostValues || depth > mostLevels) throw new RangeError("The file holds too much.");
    if (Array.isArray(value)) return value.map((item) => read(item, depth + 1));
    // JSON has nothing else.
    if (!isObject(value)) return value as null | boolean | number | string;
    const object: Record<string, Json> = Object.create(null);
    for (const name of Object.keys(value)) {
      names += 1;
      object[name] = read(value[name], depth + 1);
    }
    return object;
  };
  try {
    const value = read(parsed, 0);
    return names === namesIn(text) ? value : undefined;
  } catch {
    // The parser that knows places says what is wrong.
    return undefined;
  }
}

/** How many names of properties are written in JSON, those included that the same object has already. */
function namesIn(text: string): number {
  let names = 0;
  for (const [string] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?/g)) if (string.endsWith(":")) names += 1;
  return names;
}
