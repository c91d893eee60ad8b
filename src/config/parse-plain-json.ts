import { isObject, type Json, mostValues } from "./source-document.js";

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
  const read = (value: unknown): Json => {
    values += 1;
    if (values > mostValues) throw new RangeError("The file holds too much.");
    if (Array.isArray(value)) return value.map(read);
    // JSON has nothing else.
    if (!isObject(value)) return value as null | boolean | number | string;
    const object: Record<string, Json> = Object.create(null);
    for (const name of Object.keys(value)) {
      names += 1;
      object[name] = read(value[name]);
    }
    return object;
  };
  try {
    const value = read(parsed);
    return names === namesIn(text) ? value : undefined;
  } catch {
    // Also what is nested too deeply for a function that calls itself.
    return undefined;
  }
}

/** How many names of properties are written in JSON, those included that the same object has already. */
function namesIn(text: string): number {
  let names = 0;
  for (const [string] of text.matchAll(/"(?:[^"\\]|\\.)*"(?:\s*:)?/g)) if (string.endsWith(":")) names += 1;
  return names;
}
