import { type Node, type ParseError, parseTree } from "jsonc-parser";
import {
  duplicate,
  type Json,
  type Mistake,
  mostLevels,
  mostValues,
  type SourceDocument,
  toPointer,
} from "./source-document.js";

/**
 * JSON with comments and trailing commas, with the place of every name and value. Under `root` (`mcp-auth` in
 * `package.json`) the rest of the file is left alone.
 */
export function parseJson(file: string, text: string, root?: string): SourceDocument {
  const errors: ParseError[] = [];
  const prefix = root === undefined ? [] : [root];
  const unread = (mistake: Mistake): SourceDocument => {
    return { file, text, prefix, value: undefined, mistakes: [mistake], places: new Map() };
  };
  let tree: Node | undefined;
  try {
    tree = parseTree(text, errors, { allowTrailingComma: true });
  } catch {
    // The parser calls itself for each level.
    return unread({ path: [], offset: 0, message: "The file is nested too deeply" });
  }
  // After the first one a parser only guesses.
  const [first] = errors;
  if (first !== undefined) return unread(syntaxError(first, text));
  const config = root === undefined ? tree : propertyNode(tree, root);
  if (config === undefined) return unread({ path: [], offset: 0, message: "The file is empty" });

  const places = new Map<string, { name?: number; value: number }>();
  const mistakes: Mistake[] = [];
  let values = 0;
  const read = (node: Node, path: readonly string[], name?: number): Json => {
    values += 1;
    if (values > mostValues) return null;
    if (path.length > mostLevels) throw new RangeError("The file is nested too deeply.");
    places.set(toPointer(path), { ...(name !== undefined && { name }), value: node.offset });
    if (node.type === "array") {
      return (node.children ?? []).map((item, index) => read(item, [...path, String(index)]));
    }
    if (node.type !== "object") return node.value;
    const object: Record<string, Json> = Object.create(null);
    for (const { children: [key, value] = [] } of node.children ?? []) {
      if (key === undefined || value === undefined) continue;
      const inner = [...path, key.value];
      const earlier = places.get(toPointer(inner));
      if (earlier !== undefined) mistakes.push(duplicate(inner, key.offset));
      else object[key.value] = read(value, inner, key.offset);
    }
    return object;
  };
  try {
    const value = read(config, []);
    if (values > mostValues) return unread({ path: [], offset: 0, message: "The file holds too much" });
    return { file, text, prefix, value, mistakes, places };
  } catch {
    return unread({ path: [], offset: 0, message: "The file is nested too deeply" });
  }
}

/** Whether the top level of a `package.json`, which may be broken, has this property. */
export function hasProperty(text: string, name: string): boolean {
  try {
    return propertyNode(parseTree(text, [], { allowTrailingComma: true }), name) !== undefined;
  } catch {
    return false;
  }
}

function propertyNode(tree: Node | undefined, name: string): Node | undefined {
  if (tree?.type !== "object") return undefined;
  return tree.children?.find(({ children }) => children?.[0]?.value === name)?.children?.[1];
}

// By the numbers of jsonc-parser's `ParseErrorCode`, a const enum that this compiler setting cannot read.
const expectations: Readonly<Record<number, string>> = {
  2: "This is not a number",
  3: "The name of a property, in double quotes, is expected here",
  4: "A value is expected here",
  5: "A colon is expected here",
  6: "A comma is expected here",
  7: "A closing brace is expected here",
  8: "A closing bracket is expected here",
  9: "The end of the file is expected here",
  11: "This comment has no end",
  12: "This string has no closing quote",
  13: "This is not a number",
  14: "This is not a Unicode escape",
  15: "This is not an escape of JSON",
  16: "This character is not allowed here",
};

function syntaxError({ error, offset }: ParseError, text: string): Mistake {
  if (text.trim() === "") return { path: [], offset: 0, message: "The file is empty" };
  const expectation = expectations[error] ?? "This is not JSON";
  return { path: [], offset, message: expectation, hint: "The config is JSON, with comments if you like" };
}
