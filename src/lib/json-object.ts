export type JsonObject = Readonly<Record<string, unknown>>;

/** Returns whether a value is an object as in JSON, neither `null` nor an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Parses a JSON object; `undefined` for any other text. Never throws, because the error would quote the text. */
export function parseJsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    // `JSON.parse` throws only a SyntaxError.
    return undefined;
  }
}

/** Returns whether a text is complete JSON of any type. */
export function isWholeJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // `JSON.parse` throws only a SyntaxError.
    return false;
  }
}
