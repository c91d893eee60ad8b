import { findNodeAtLocation, type Node, parseTree } from "jsonc-parser";
import type { Json } from "../../config/json.js";
import { inLine, writtenJson } from "./written-json.js";

/**
 * Adds a property to JSON, after the others of its object, and creates the object if there is none. Comments and layout
 * stay as they are: a comment behind the last property stays there, which the edits of jsonc-parser would move.
 */
export function insertIntoJson(text: string, path: readonly string[], value: Json): string {
  const name = path.at(-1) ?? "";
  const parent = path.slice(0, -1);
  const tree = parseTree(text, [], { allowTrailingComma: true });
  const object = tree && findNodeAtLocation(tree, [...parent]);
  if (object === undefined && parent.length > 0) return insertIntoJson(text, parent, { [name]: value });
  if (object?.type !== "object") return text;
  const last = object.children?.at(-1);
  return last === undefined
    ? intoEmpty(text, object, name, value)
    : after(text, last, object.offset + object.length - 1, name, value);
}

function after(text: string, last: Node, closing: number, name: string, value: Json): string {
  const end = last.offset + last.length;
  const lineStart = text.lastIndexOf("\n", last.offset) + 1;
  const indent = text.slice(lineStart, last.offset);
  // The rest of the line: a comma and a comment.
  const rest = /^[ \t]*(,?)[ \t]*(?:\/\/[^\r\n]*|\/\*(?:(?!\*\/)[^\r\n])*\*\/[ \t]*)?(?=\r?\n)/.exec(
    text.slice(end, closing),
  );
  if (rest === null || indent.trim() !== "") {
    return `${text.slice(0, end)}, ${JSON.stringify(name)}: ${inLine(value)}${text.slice(end)}`;
  }
  const [line, comma = ""] = rest;
  const at = end + line.length;
  const added = propertyText(text, indent, name, value);
  const eol = eolOf(text);
  return `${text.slice(0, end)}${comma === "" ? "," : ""}${text.slice(end, at)}${eol}${added}${comma}${text.slice(at)}`;
}

function intoEmpty(text: string, object: Node, name: string, value: Json): string {
  const start = object.offset + 1;
  const end = object.offset + object.length - 1;
  const eol = eolOf(text);
  const indent = /^[ \t]*/.exec(text.slice(text.lastIndexOf("\n", object.offset) + 1))?.[0] ?? "";
  const added = `${eol}${propertyText(text, indent + unitOf(text), name, value)}`;
  // Comments stay below.
  const inside = text.slice(start, end);
  const rest = inside.trim() === "" ? `${eol}${indent}` : inside;
  return `${text.slice(0, start)}${added}${rest}${text.slice(end)}`;
}

function propertyText(text: string, indent: string, name: string, value: Json): string {
  const start = `${JSON.stringify(name)}: `;
  const written = writtenJson(value, { indent, unit: unitOf(text), used: start.length });
  return indent + start + written.replaceAll("\n", eolOf(text));
}

/** Returns the white space of one level, as the first line with any has it. */
function unitOf(text: string): string {
  const [, first = "  "] = /^([ \t]+)\S/m.exec(text) ?? [];
  return first.startsWith("\t") ? "\t" : first;
}

export function eolOf(text: string): string {
  return text.includes("\r\n") ? "\r\n" : "\n";
}
