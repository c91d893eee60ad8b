import { counted } from "../lib/counted.js";

/**
 * Describes a value of the config for a message. It never shows the text of a string, because that may be a misplaced
 * secret, and it shows a number only if not `mayBeSecret`.
 */
export function describeFound(data: unknown, mayBeSecret: boolean): string {
  if (typeof data === "boolean") return String(data);
  if (typeof data === "number") {
    if (mayBeSecret) return "a number";
    // Beyond 2^53, the digits are not those of the file.
    return Number.isInteger(data) && !Number.isSafeInteger(data)
      ? "a number with too many digits"
      : `${data}`;
  }
  if (typeof data === "string") {
    if (data === "") return "an empty string";
    return `a string of ${counted(data.length, "character")}`;
  }
  if (data === null || data === undefined) return "null";
  if (Array.isArray(data)) return "a list";
  return Object.keys(data).length === 0 ? "an empty object" : "an object";
}

/** The types of a schema, separated by commas, in words: `a string`, `an object or a list`. */
export function typesInWords(types: string): string {
  const names = types.split(",").map((type) => (type === "array" ? "list" : type));
  return names.map((name) => `${article(name)} ${name}`).join(" or ");
}

/** `a, b and c`. */
export function listInWords(names: readonly string[]): string {
  const last = names.at(-1) ?? "";
  return names.length < 2 ? last : `${names.slice(0, -1).join(", ")} and ${last}`;
}

/** The indefinite article for a word: `a` or `an`. */
export function article(word: string): "a" | "an" {
  return /^[aeio]/.test(word) ? "an" : "a";
}
