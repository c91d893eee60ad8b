/** What was found, without what it says: a secret may stand where none belongs. */
export function describeFound(data: unknown, mayBeSecret: boolean): string {
  if (typeof data === "boolean") return String(data);
  if (typeof data === "number") return mayBeSecret ? "a number" : `${data}`;
  if (typeof data === "string") {
    return data === ""
      ? "an empty string"
      : `a string of ${data.length} character${data.length === 1 ? "" : "s"}`;
  }
  if (data === null || data === undefined) return "null";
  if (Array.isArray(data)) return "a list";
  return Object.keys(data).length === 0 ? "an empty object" : "an object";
}

/** `a string`, `an object or a list`: the types of a schema in words. */
export function typesInWords(types: string): string {
  return types
    .split(",")
    .map((name) => (name === "array" ? "a list" : /^[aeio]/.test(name) ? `an ${name}` : `a ${name}`))
    .join(" or ");
}
