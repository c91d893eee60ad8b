import type { CST, Node, Pair } from "yaml";
import {
  duplicate,
  type Json,
  type Mistake,
  mostLevels,
  mostValues,
  type SourceDocument,
  toPointer,
} from "./source-document.js";

// A config needs nowhere near as many; a few lines of aliases of aliases would make as many values as they like.
const mostAliases = 100;
const deepest = 50;

const knownTags = new Set(["str", "int", "float", "bool", "null", "map", "seq"]);

/** YAML 1.2, core schema: no tags of one's own, no merge keys, a bounded number of aliases. */
export async function parseYaml(file: string, text: string): Promise<SourceDocument> {
  const yaml = await import("yaml");
  const unread = (mistake: Mistake): SourceDocument => {
    return { file, text, prefix: [], value: undefined, mistakes: [mistake], places: new Map() };
  };
  const tooDeep = firstTooDeep(new yaml.Parser().parse(text));
  if (tooDeep !== undefined) {
    return unread({ path: [], offset: tooDeep, message: "The file is nested too deeply" });
  }
  const document = yaml.parseDocument(text, {
    version: "1.2",
    schema: "core",
    merge: false,
    resolveKnownTags: false,
    // Reported below, where the place of the second one is known.
    uniqueKeys: false,
    prettyErrors: false,
    // "silent" would also keep a second document quiet.
    logLevel: "error",
  });
  const [first] = document.errors;
  if (first !== undefined) {
    const message = expectations[first.code] ?? "This is not YAML";
    return unread({ path: [], offset: first.pos[0], message });
  }
  if (document.contents === null) return unread({ path: [], offset: 0, message: "The file is empty" });
  try {
    const reading = new Reading(yaml);
    const value = reading.read(document.contents, []);
    return { file, text, prefix: [], value, mistakes: reading.mistakes, places: reading.places };
  } catch (error) {
    if (error instanceof TooMuch) return unread({ path: [], offset: error.offset, message: error.message });
    throw error;
  }
}

/**
 * Where a text begins to be nested more deeply than it is parsed. The library calls itself for each level, and where the stack ends
 * in the middle of an expression of its own, Node ends the process.
 */
function firstTooDeep(tokens: Iterable<CST.Token>): number | undefined {
  const left: { readonly token: CST.Token; readonly depth: number }[] = [];
  for (const token of tokens) left.push({ token, depth: 0 });
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { token, depth } = next;
    if (depth > mostLevels) return token.offset;
    const inner = "items" in token ? token.items.flatMap(({ key, value }) => [key, value]) : [];
    if (token.type === "document") inner.push(token.value);
    for (const each of inner) if (each) left.push({ token: each, depth: depth + 1 });
  }
  return undefined;
}

/** One walk over the nodes of a document, collecting where they are and what is wrong with them. */
class Reading {
  readonly mistakes: Mistake[] = [];
  readonly places = new Map<string, { name?: number; value: number }>();
  readonly #yaml: typeof import("yaml");
  /** Those that stand before where we are. For each alias the library would look through the whole document. */
  readonly #anchors = new Map<string, Node>();
  /** How many aliases we are inside of. */
  #following = 0;
  #aliases = 0;
  #values = 0;

  constructor(yaml: typeof import("yaml")) {
    this.#yaml = yaml;
  }

  read(node: unknown, path: readonly string[], name?: number): Json {
    const { isAlias, isMap, isNode, isScalar, isSeq } = this.#yaml;
    if (!isNode(node)) {
      // `name:` at the end of a file has no node for its value.
      if (name !== undefined) this.places.set(toPointer(path), { name, value: name });
      return null;
    }
    const offset = startOf(node);
    this.#values += 1;
    if (this.#values > mostValues || path.length > deepest)
      throw new TooMuch(offset, "The file holds too much");
    if (isAlias(node)) {
      this.#aliases += 1;
      if (this.#aliases > mostAliases)
        throw new TooMuch(offset, `More than ${mostAliases} aliases are too many`);
      const target = this.#anchors.get(node.source);
      if (target !== undefined) {
        this.#following += 1;
        const value = this.read(target, path, name);
        this.#following -= 1;
        return value;
      }
      this.mistakes.push({ path, offset, message: "This alias has no anchor before it", settles: true });
      return null;
    }
    this.places.set(toPointer(path), { ...(name !== undefined && { name }), value: offset });
    this.#checkTag(node, path, offset);
    // What an alias leads to was noted where it stands.
    if (node.anchor !== undefined && this.#following === 0) this.#anchors.set(node.anchor, node);
    if (isMap(node)) return this.#readMap(node.items, path);
    if (isSeq(node)) return node.items.map((item, index) => this.read(item, [...path, String(index)]));
    const value: unknown = isScalar(node) ? node.value : null;
    return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
      ? value
      : null;
  }

  #readMap(items: readonly Pair[], path: readonly string[]): Json {
    const object: Record<string, Json> = Object.create(null);
    for (const { key, value } of items) {
      const { isNode, isScalar } = this.#yaml;
      const offset = isNode(key) ? startOf(key) : 0;
      if (!isScalar(key)) {
        this.mistakes.push({ path, offset, message: "The name of a property must be text" });
        continue;
      }
      const name = typeof key.value === "string" ? key.value : (key.source ?? "");
      const inner = [...path, name];
      if (name === "<<") {
        const hint = "Write the properties out";
        this.mistakes.push({ path: inner, offset, message: "Merge keys (<<) are not supported", hint });
      } else if (Object.hasOwn(object, name)) {
        this.mistakes.push(duplicate(inner, offset));
      } else {
        object[name] = this.read(value, inner, offset);
      }
    }
    return object;
  }

  #checkTag(node: Node, path: readonly string[], offset: number): void {
    if (node.tag === undefined) return;
    const [, known] = /^tag:yaml\.org,2002:(.*)$/.exec(node.tag) ?? [];
    if (known !== undefined && knownTags.has(known)) return;
    this.mistakes.push({
      path,
      offset,
      message: "YAML tags are not supported",
      hint: "Write the plain value",
      settles: true,
    });
  }
}

class TooMuch extends Error {
  readonly offset: number;

  constructor(offset: number, message: string) {
    super(message);
    this.offset = offset;
  }
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

// The library's own messages may quote the file, and with it a secret.
const expectations: Readonly<Record<string, string>> = {
  BAD_DQ_ESCAPE: "This is not an escape of YAML",
  BAD_INDENT: "The indentation does not fit what is around it",
  BAD_SCALAR_START: "Plain text cannot start with this character; put it in quotes",
  BLOCK_AS_IMPLICIT_KEY: "Nested properties start on a line of their own",
  MISSING_CHAR: "A character is missing here: a quote, a bracket, a comma or a space after the colon",
  MULTILINE_IMPLICIT_KEY: "The name of a property stands on one line",
  MULTIPLE_DOCS: "A config is one YAML document",
  TAB_AS_INDENT: "Tabs are not allowed as indentation",
  UNEXPECTED_TOKEN: "This is not expected here",
};
