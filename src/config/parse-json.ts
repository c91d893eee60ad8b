import { type Node, type ParseError, parseTree } from "jsonc-parser";
import { type Json, maxDepth, maxValues, type Path, toPointer } from "./json.js";
import { duplicateProperty, type Mistake, type SourceDocument } from "./source-document.js";

/**
 * Parses JSON with comments and trailing commas, and records the position of every name and value. If `root` is given
 * (`mcp-auth` for a `package.json`), the config is the value of that property.
 */
export function parseJson(file: string, text: string, root?: string): SourceDocument {
  const errors: ParseError[] = [];
  const prefix = root === undefined ? [] : [root];
  const unreadable = (mistake: Mistake): SourceDocument => {
    return { file, text, prefix, value: undefined, mistakes: [mistake], positions: new Map() };
  };
  const tree = tryParseTree(text, errors);
  if (tree === "too deep") return unreadable(nestedTooDeeply);
  // The parser guesses how to go on after an error, so later errors may be wrong.
  const [first] = errors;
  if (first !== undefined) return unreadable(syntaxError(first, text));
  const config = root === undefined ? tree : propertyNode(tree, root);
  if (config === undefined) return unreadable({ path: [], offset: 0, message: "The file is empty" });

  const positions = new Map<string, { name?: number; value: number; end?: number }>();
  const mistakes: Mistake[] = [];
  let values = 0;
  let isTooDeep = false;
  const read = (node: Node, path: Path, name?: number): Json => {
    values += 1;
    isTooDeep ||= path.length > maxDepth;
    if (values > maxValues || isTooDeep) return null;
    const isUnquoted = node.type === "number" || node.type === "boolean";
    positions.set(toPointer(path), {
      ...(name !== undefined && { name }),
      value: node.offset,
      ...(isUnquoted && { end: node.offset + node.length }),
    });
    if (node.type === "array") {
      return (node.children ?? []).map((item, index) => read(item, [...path, String(index)]));
    }
    if (node.type !== "object") return node.value;
    const object: Record<string, Json> = Object.create(null);
    for (const { children: [key, value] = [] } of node.children ?? []) {
      if (key === undefined || value === undefined) continue;
      const inner = [...path, key.value];
      if (positions.has(toPointer(inner))) mistakes.push(duplicateProperty(inner, key.offset));
      else object[key.value] = read(value, inner, key.offset);
    }
    return object;
  };
  const value = read(config, []);
  if (isTooDeep) return unreadable(nestedTooDeeply);
  if (values > maxValues) return unreadable({ path: [], offset: 0, message: "The file has too many values" });
  return { file, text, prefix, value, mistakes, positions };
}

/** Whether a `package.json`, which may have syntax errors, has this property at the top. */
export function hasProperty(text: string, name: string): boolean {
  const tree = tryParseTree(text, []);
  return tree !== "too deep" && propertyNode(tree, name) !== undefined;
}

function tryParseTree(text: string, errors: ParseError[]): Node | undefined | "too deep" {
  try {
    return parseTree(text, errors, { allowTrailingComma: true });
  } catch (error) {
    // The parser is recursive, and deep nesting exhausts the stack.
    if (error instanceof RangeError) return "too deep";
    throw error;
  }
}

function propertyNode(tree: Node | undefined, name: string): Node | undefined {
  if (tree?.type !== "object") return undefined;
  return tree.children?.find(({ children }) => children?.[0]?.value === name)?.children?.[1];
}

const nestedTooDeeply: Mistake = { path: [], offset: 0, message: "The file is nested too deeply" };

// The keys are jsonc-parser's `ParseErrorCode`, a const enum, which `isolatedModules` cannot import.
const messages: Readonly<Record<number, string>> = {
  2: "This is not a number",
  3: "A property name in double quotes is expected here",
  4: "A value is expected here",
  5: "A colon is expected here",
  6: "A comma is expected here",
  7: "A closing brace is expected here",
  8: "A closing bracket is expected here",
  9: "The end of the file is expected here",
  11: "This comment is not closed",
  12: "This string has no closing quote",
  13: "This is not a number",
  14: "This is not a Unicode escape",
  15: "This is not a JSON escape",
  16: "This character is not allowed here",
};

function syntaxError({ error, offset }: ParseError, text: string): Mistake {
  if (text.trim() === "") return { path: [], offset: 0, message: "The file is empty" };
  const message = messages[error] ?? "This is not JSON";
  return { path: [], offset, message, hint: "The file must be JSON, which may have comments" };
}
