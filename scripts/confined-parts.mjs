// Writes `src/config/generated/confined.ts`: where a config says which URLs, files, variables, commands, functions and
// platform identities it uses, from the annotation `confine` of the schema.

/** Keywords whose schemas hold for the same value. */
const alternatives = ["then", "else", "allOf", "anyOf", "oneOf"];

/** @param {Record<string, any>} schema @param {string} notice @returns {string} */
export function confinedParts(schema, notice) {
  const definitions = Object.fromEntries(
    Object.entries(schema.$defs).map(([name, definition]) => [name, partOf(definition)]),
  );
  const all = withoutIdle({ "": partOf(schema), ...definitions });
  return `// ${notice}

/** What a string of the config leads to. */
export type Confined = ${kindsOf(schema)
    .map((kind) => JSON.stringify(kind))
    .join(" | ")};

/** Where such strings are in a part of the config, all alternatives of the part together. */
export interface ConfinedPart {
  readonly kind?: Confined;
  readonly properties?: Readonly<Record<string, ConfinedPart>>;
  /** Items of a list. */
  readonly items?: ConfinedPart;
  /** Values of an object whose property names are the user's. */
  readonly values?: ConfinedPart;
  /** The same value is also one of these definitions. */
  readonly same?: readonly string[];
}

/** By the name of the definition; \`""\` is the config. */
export const confinedParts: Readonly<Record<string, ConfinedPart>> = ${JSON.stringify(all)};
`;
}

function partOf(node) {
  if (typeof node !== "object" || node === null) return {};
  const own = {
    ...(node.confine !== undefined && node.confine !== "none" && { kind: node.confine }),
    ...(node.properties !== undefined && { properties: mapValues(node.properties, partOf) }),
    ...(node.items !== undefined && { items: partOf(node.items) }),
    ...(typeof node.additionalProperties === "object" && { values: partOf(node.additionalProperties) }),
    ...(node.$ref !== undefined && { same: [node.$ref.slice("#/$defs/".length)] }),
  };
  const others = alternatives.flatMap((keyword) =>
    node[keyword] === undefined ? [] : [node[keyword]].flat(),
  );
  return others.map(partOf).reduce(merged, own);
}

function merged(a, b) {
  if (a.kind !== undefined && b.kind !== undefined && a.kind !== b.kind) {
    throw new Error(`A string cannot be both ${a.kind} and ${b.kind}.`);
  }
  const kind = a.kind ?? b.kind;
  const properties = { ...a.properties };
  for (const [name, part] of Object.entries(b.properties ?? {})) {
    properties[name] = merged(properties[name] ?? {}, part);
  }
  const both = (name) => (a[name] && b[name] ? merged(a[name], b[name]) : (a[name] ?? b[name]));
  return {
    ...(kind !== undefined && { kind }),
    ...(Object.keys(properties).length > 0 && { properties }),
    ...(both("items") !== undefined && { items: both("items") }),
    ...(both("values") !== undefined && { values: both("values") }),
    ...((a.same ?? b.same) !== undefined && { same: [...new Set([...(a.same ?? []), ...(b.same ?? [])])] }),
  };
}

/** Leaves out what leads to no such string, until nothing is left to leave out. */
function withoutIdle(definitions) {
  const isIdle = (part) => part === undefined || Object.keys(part).length === 0;
  const shrink = (part, all) => {
    const properties = Object.fromEntries(
      Object.entries(part.properties ?? {})
        .map(([name, inner]) => [name, shrink(inner, all)])
        .filter(([, inner]) => !isIdle(inner)),
    );
    const items = part.items && shrink(part.items, all);
    const values = part.values && shrink(part.values, all);
    const same = (part.same ?? []).filter((name) => !isIdle(all[name]));
    return {
      ...(part.kind !== undefined && { kind: part.kind }),
      ...(Object.keys(properties).length > 0 && { properties }),
      ...(!isIdle(items) && { items }),
      ...(!isIdle(values) && { values }),
      ...(same.length > 0 && { same }),
    };
  };
  for (let before = definitions; ; ) {
    const after = mapValues(before, (part) => shrink(part, before));
    if (JSON.stringify(after) === JSON.stringify(before)) {
      return Object.fromEntries(Object.entries(after).filter(([, part]) => !isIdle(part)));
    }
    before = after;
  }
}

function kindsOf(node, kinds = new Set()) {
  if (typeof node !== "object" || node === null) return [...kinds].sort();
  if (typeof node.confine === "string" && node.confine !== "none") kinds.add(node.confine);
  for (const inner of Object.values(node)) kindsOf(inner, kinds);
  return [...kinds].sort();
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}
