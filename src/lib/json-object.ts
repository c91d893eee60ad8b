export type JsonObject = Readonly<Record<string, unknown>>;

/** The object that a text holds as JSON; `undefined` for anything else. Never throws: the error would quote the text. */
export function parseJsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    // An object that is neither null nor an array; its members are looked at one by one.
    return isObject ? (value as JsonObject) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a text is JSON of any kind, and whole. */
export function isWholeJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
