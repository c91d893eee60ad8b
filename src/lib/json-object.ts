export type JsonObject = Readonly<Record<string, unknown>>;

/** Parses a JSON object; `undefined` for any other text. Never throws, because the error would quote the text. */
export function parseJsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    // Checked above: it is neither null nor an array.
    return isObject ? (value as JsonObject) : undefined;
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
    return false;
  }
}
