import { KeyObject } from "node:crypto";

/** Replaces all text in a value. Keys stay as they are. */
export function replaceText<T>(value: T, replace: (text: string) => string): T {
  const inside = (one: unknown): unknown => {
    if (typeof one === "string") return replace(one);
    if (Array.isArray(one)) return one.map(inside);
    if (typeof one !== "object" || one === null || one instanceof KeyObject) return one;
    return Object.fromEntries(Object.entries(one).map(([name, member]) => [name, inside(member)]));
  };
  // Text becomes text, and everything else keeps its type.
  return inside(value) as T;
}
