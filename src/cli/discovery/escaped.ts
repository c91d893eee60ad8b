import { isList, isObject, type Json } from "../../config/json.js";

/** Returns a value for a config in which no text is read as a variable. */
export function escaped(value: Json): Json {
  if (typeof value === "string") return value.replaceAll("${", () => "$${");
  if (isList(value)) return value.map(escaped);
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, escaped(inner)]));
}
