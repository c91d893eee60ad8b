import {
  type CST,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  Parser,
  parseDocument,
  type Scalar,
} from "yaml";
import { type Json, maxDepth, maxValues, type Path, toPointer } from "./json.js";
import { duplicateProperty, type Mistake, type SourceDocument } from "./source-document.js";

// More than any config needs. Without a limit, a few lines with aliases of aliases can expand to billions of values.
const maxAliases = 100;

const knownTags = new Set(["str", "int", "float", "bool", "null", "map", "seq"]);

/** Parses YAML 1.2 with the core schema: no custom tags, no merge keys, and a limited number of aliases. */
export function parseYaml(file: string, text: string): SourceDocument {
  const unreadable = (mistake: Mistake): SourceDocument => {
    return { file, text, prefix: [], value: undefined, mistakes: [mistake], positions: new Map() };
  };
  const tooDeepAt = findTooDeep(new Parser().parse(text));
  if (tooDeepAt !== undefined) {
    return unreadable({ path: [], offset: tooDeepAt, message: "The file is nested too deeply" });
  }
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    merge: false,
    resolveKnownTags: false,
    // `DocumentReader` reports duplicate keys, because it knows the position of the second one.
    uniqueKeys: false,
    prettyErrors: false,
    // With "silent" the library would not report a second document.
    logLevel: "error",
  });
  const [first] = document.errors;
  if (first !== undefined) {
    return unreadable({
      path: [],
      offset: first.pos[0],
      message: messages[first.code] ?? "This is not YAML",
    });
  }
  if (document.contents === null) {
    return unreadable({ path: [], offset: 0, message: "The file is empty" });
  }
  try {
    const reader = new DocumentReader();
    const value = reader.read(document.contents, []);
    return { file, text, prefix: [], value, mistakes: reader.mistakes, positions: reader.positions };
  } catch (error) {
    if (error instanceof LimitExceeded) {
      return unreadable({ path: [], offset: error.offset, message: error.message });
    }
    throw error;
  }
}

/**
 * Returns the offset where a text exceeds the maximum depth. It is checked before the text is parsed, because the
 * parser is recursive: if the stack is exhausted inside of one of its regular expressions, Node ends the process.
 */
function findTooDeep(tokens: Iterable<CST.Token>): number | undefined {
  const pending: { readonly token: CST.Token; readonly depth: number }[] = [];
  for (const token of tokens) pending.push({ token, depth: 0 });
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { token, depth } = next;
    if (depth > maxDepth) return token.offset;
    const children = "items" in token ? token.items.flatMap(({ key, value }) => [key, value]) : [];
    if (token.type === "document") children.push(token.value);
    for (const child of children) if (child) pending.push({ token: child, depth: depth + 1 });
  }
  return undefined;
}

/** Visits the nodes of a document once, and collects its value, the positions and the mistakes. */
class DocumentReader {
  readonly mistakes: Mistake[] = [];
  readonly positions = new Map<string, { name?: number; value: number; end?: number }>();
  /** The anchors before the current node. The library would search the whole document for each alias. */
  readonly #anchors = new Map<string, Node>();
  #aliasDepth = 0;
  #aliases = 0;
  #values = 0;

  /** Returns the value of a node. Throws `LimitExceeded`. `name` is the offset of the property's name. */
  read(node: unknown, path: Path, name?: number): Json {
    if (!isNode(node)) {
      // `name:` without a value has no node.
      if (name !== undefined) this.positions.set(toPointer(path), { name, value: name });
      return null;
    }
    const offset = startOf(node);
    this.#values += 1;
    if (this.#values > maxValues) throw new LimitExceeded(offset, "The file has too many values");
    if (path.length > maxDepth) throw new LimitExceeded(offset, "The file is nested too deeply");
    if (isAlias(node)) {
      this.#aliases += 1;
      if (this.#aliases > maxAliases) {
        throw new LimitExceeded(offset, `A file can have at most ${maxAliases} aliases`);
      }
      const target = this.#anchors.get(node.source);
      if (target !== undefined) {
        this.#aliasDepth += 1;
        const value = this.read(target, path, name);
        this.#aliasDepth -= 1;
        return value;
      }
      this.mistakes.push({
        path,
        offset,
        message: "This alias has no anchor before it",
        hidesSchemaErrors: true,
      });
      return null;
    }
    const end = this.#aliasDepth === 0 && isScalar(node) ? endOfUnquoted(node) : undefined;
    this.positions.set(toPointer(path), {
      ...(name !== undefined && { name }),
      value: offset,
      ...(end !== undefined && { end }),
    });
    this.#checkTag(node, path, offset);
    // Anchors inside of an alias are already known.
    if (node.anchor !== undefined && this.#aliasDepth === 0) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#readMap(node.items, path);
    if (isSeq(node)) return node.items.map((item, index) => this.read(item, [...path, String(index)]));
    const value: unknown = isScalar(node) ? node.value : null;
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? value
      : null;
  }

  #readMap(items: readonly Pair[], path: Path): Json {
    const object: Record<string, Json> = Object.create(null);
    for (const { key, value } of items) {
      const offset = isNode(key) ? startOf(key) : 0;
      if (!isScalar(key)) {
        this.mistakes.push({ path, offset, message: "A property name must be text" });
        continue;
      }
      const name = typeof key.value === "string" ? key.value : (key.source ?? "");
      const inner = [...path, name];
      if (name === "<<") {
        const hint = "Repeat the properties instead";
        this.mistakes.push({ path: inner, offset, message: "Merge keys (<<) are not supported", hint });
      } else if (Object.hasOwn(object, name)) {
        this.mistakes.push(duplicateProperty(inner, offset));
      } else {
        object[name] = this.read(value, inner, offset);
      }
    }
    return object;
  }

  #checkTag(node: Node, path: Path, offset: number): void {
    if (node.tag === undefined) return;
    const [, known] = /^tag:yaml\.org,2002:(.*)$/.exec(node.tag) ?? [];
    if (known !== undefined && knownTags.has(known)) return;
    this.mistakes.push({
      path,
      offset,
      message: "YAML tags are not supported",
      hint: "Write the value without a tag",
      hidesSchemaErrors: true,
    });
  }
}

class LimitExceeded extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

/** Returns where a number or a boolean ends. Its tag, if it has one, would make the text in quotes a number again. */
function endOfUnquoted({ value, range, tag }: Scalar): number | undefined {
  return (typeof value === "number" || typeof value === "boolean") && tag === undefined
    ? range?.[1]
    : undefined;
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

// By the error codes of the library. Its own messages may quote the file, and with it a secret.
const messages: Readonly<Record<string, string>> = {
  BAD_DQ_ESCAPE: "This is not a YAML escape",
  BAD_INDENT: "The indentation does not match the lines around it",
  BAD_SCALAR_START: "Plain text cannot start with this character; put it in quotes",
  BLOCK_AS_IMPLICIT_KEY: "Nested properties start on a new line",
  MISSING_CHAR: "A character is missing here: a quote, a bracket, a comma or a space after the colon",
  MULTILINE_IMPLICIT_KEY: "A property name must be on one line",
  MULTIPLE_DOCS: "A config is one YAML document",
  TAB_AS_INDENT: "Tabs are not allowed as indentation",
  UNEXPECTED_TOKEN: "This is not expected here",
};
