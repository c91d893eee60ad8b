import { type Json, maxDepth, maxValues, type Path } from "./json.js";
import type { Mistake, SourceDocument } from "./source-document.js";

/** Copies a config that was given in code, so that later changes of the object have no effect. */
export function readObject(config: unknown): SourceDocument {
  const mistakes: Mistake[] = [];
  let values = 0;
  let isTooDeep = false;
  const report = (path: Path, message: string): null => {
    mistakes.push({ path, message, hidesSchemaErrors: true });
    return null;
  };
  const copy = (value: unknown, path: Path): Json => {
    values += 1;
    if (values > maxValues) return null;
    if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (path.length > maxDepth) {
      // An object that contains itself is too deep in many places. Only the first is reported.
      if (!isTooDeep) report(path, "The config is nested too deeply, or contains itself");
      isTooDeep = true;
      return null;
    }
    if (Array.isArray(value)) return value.map((item, index) => copy(item, [...path, String(index)]));
    if (isPlainObject(value)) {
      const object: Record<string, Json> = Object.create(null);
      for (const [name, inner] of Object.entries(value)) {
        // `JSON.stringify` omits these properties too.
        if (inner !== undefined) object[name] = copy(inner, [...path, name]);
      }
      return object;
    }
    return report(path, `A config is plain data, found ${describe(value)}`);
  };
  const value = copy(config, []);
  if (values > maxValues) {
    return unreadable({ path: [], message: "The config has too many values, or contains itself" });
  }
  const isData = mistakes.every(({ path }) => path.length > 0);
  return { prefix: [], value: isData ? value : undefined, mistakes, positions: new Map() };
}

function unreadable(mistake: Mistake): SourceDocument {
  return { prefix: [], value: undefined, mistakes: [mistake], positions: new Map() };
}

function isPlainObject(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm (vm contexts, test runners) have another Object.prototype, which has no prototype either.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function describe(value: unknown): string {
  if (typeof value === "object") return "an instance of a class";
  if (typeof value === "number") return "a number that JSON does not have";
  return value === undefined ? "undefined" : `a ${typeof value}`;
}
