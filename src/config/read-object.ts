import { type Json, type Mistake, mostValues, type SourceDocument } from "./source-document.js";

const deepest = 50;

/** A config given in code, copied: what the caller does to the object later changes nothing. */
export function readObject(config: unknown): SourceDocument {
  const mistakes: Mistake[] = [];
  let values = 0;
  const read = (value: unknown, path: readonly string[]): Json => {
    values += 1;
    if (values > mostValues) return null;
    if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (path.length > deepest) {
      if (mistakes.every(({ message }) => message !== tooDeep)) {
        mistakes.push({ path, message: tooDeep, settles: true });
      }
      return null;
    }
    if (Array.isArray(value)) return value.map((item, index) => read(item, [...path, String(index)]));
    if (isPlainObject(value)) {
      const object: Record<string, Json> = Object.create(null);
      for (const [name, inner] of Object.entries(value)) {
        // Left out, as JSON.stringify would.
        if (inner !== undefined) object[name] = read(inner, [...path, name]);
      }
      return object;
    }
    mistakes.push({ path, message: `A config is plain data, found ${kindOf(value)}`, settles: true });
    return null;
  };
  const value = read(config, []);
  // What is in two places of an object that contains itself would be there as often as it likes.
  if (values > mostValues) {
    return unread({ path: [], message: "The config holds too much, or contains itself" });
  }
  const isNoData = mistakes.some(({ path }) => path.length === 0);
  return { prefix: [], value: isNoData ? undefined : value, mistakes, places: new Map() };
}

function unread(mistake: Mistake): SourceDocument {
  return { prefix: [], value: undefined, mistakes: [mistake], places: new Map() };
}

const tooDeep = "The config is nested too deeply, or contains itself";

function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm (vm contexts, test runners) have another Object.prototype, with nothing above it.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function kindOf(value: unknown): string {
  if (typeof value === "object") return "an instance of a class";
  if (typeof value === "number") return "a number that JSON does not have";
  return value === undefined ? "undefined" : `a ${typeof value}`;
}
