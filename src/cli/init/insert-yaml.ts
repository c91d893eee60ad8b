import { isMap, isNode, isScalar, type Node, parseDocument, type YAMLMap } from "yaml";
import { entries, isObject, type Json } from "../../config/json.js";
import { eolOf } from "./insert-json.js";
import { inLine } from "./written-json.js";

/**
 * Adds a property to YAML, after the others of its map, and creates the map if there is none. Everything else stays as
 * it is. The library could write the document again, but would change its layout, and the part of it that writes is as
 * large as the rest.
 */
export function insertIntoYaml(text: string, path: readonly string[], value: Json): string {
  const document = parseDocument(text, { version: "1.2", schema: "core", logLevel: "error" });
  const root = document.contents;
  if (!isMap(root)) return text;
  const [section = "", name] = path;
  if (name === undefined) return intoMap(text, root, section, value);
  const pair = root.items.find(({ key }) => isScalar(key) && key.value === section);
  if (pair === undefined) return intoMap(text, root, section, { [name]: value });
  const { key, value: map } = pair;
  if (isMap(map) && map.items.length > 0) return intoMap(text, map, name, value);
  if (!isNode(key)) return text;
  // `servers: {}`, or `servers:` with nothing.
  if (root.flow === true) return replaced(text, map, inLine({ [name]: value }));
  const inner = " ".repeat(columnOf(text, key) + 2);
  const lines = block({ [name]: value }, inner);
  const [start = 0, end = 0] = (isNode(map) ? map.range : undefined) ?? [];
  if (start === end) return insertLines(text, key.range?.[1] ?? 0, lines);
  const before = text.slice(0, start).trimEnd();
  return insertLines(before + text.slice(end), before.length, lines);
}

function replaced(text: string, node: unknown, by: string): string {
  const [start, end] = (isNode(node) ? node.range : undefined) ?? [];
  return start === undefined || end === undefined ? text : text.slice(0, start) + by + text.slice(end);
}

function intoMap(text: string, map: YAMLMap, name: string, value: Json): string {
  const first = map.items[0]?.key;
  const last = map.items.at(-1);
  if (!isNode(first) || last === undefined) return replaced(text, map, inLine({ [name]: value }));
  const end = endOf(last.value) ?? endOf(last.key);
  if (end === undefined) return text;
  if (map.flow === true) {
    return `${text.slice(0, end)}, ${JSON.stringify(name)}: ${inLine(value)}${text.slice(end)}`;
  }
  return insertLines(text, end, block({ [name]: value }, " ".repeat(columnOf(text, first))));
}

/** Inserts lines behind the line in which `end` is, with its comment. */
function insertLines(text: string, end: number, lines: readonly string[]): string {
  const eol = eolOf(text);
  const added = lines.map((line) => line + eol).join("");
  // The end of a block is the start of the next line.
  const isAtStart = text[end - 1] === "\n";
  const newline = isAtStart ? end - 1 : text.indexOf("\n", end);
  if (newline === -1) return `${text}${eol}${added}`;
  return text.slice(0, newline + 1) + added + text.slice(newline + 1);
}

function endOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[1] : undefined;
}

function columnOf(text: string, node: Node): number {
  const start = node.range?.[0] ?? 0;
  return start - (text.lastIndexOf("\n", start - 1) + 1);
}

/** Returns the lines of a map in block style. The innermost maps are on one line. */
export function block(value: Json, indent = ""): readonly string[] {
  return entries(value).flatMap(([name, inner]) => {
    const start = `${indent}${scalar(name)}:`;
    if (!isObject(inner)) return [`${start} ${flow(inner)}`];
    const isInnermost = entries(inner).every(([, each]) => !isObject(each));
    if (isInnermost && entries(inner).length === 1) return [`${start} ${flow(inner)}`];
    return [start, ...block(inner, `${indent}  `)];
  });
}

function flow(value: Json): string {
  if (typeof value === "string") return scalar(value);
  if (!isObject(value)) return inLine(value);
  return `{ ${entries(value)
    .map(([name, inner]) => `${scalar(name)}: ${flow(inner)}`)
    .join(", ")} }`;
}

/** Returns a text without quotes if it can only be read as that text. JSON strings are YAML too. */
function scalar(text: string): string {
  const isPlain =
    /^(?:\.{0,2}\/)?[A-Za-z][\w./:~-]*[\w/]$/.test(text) &&
    !/^(?:true|false|null|yes|no|on|off)$/i.test(text);
  return isPlain ? text : JSON.stringify(text);
}
