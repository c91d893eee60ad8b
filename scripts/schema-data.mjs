// What the program reads of the schema at run time.

const notes = [
  "description",
  "tsType",
  "examples",
  "default",
  "enumDescriptions",
  "allowComments",
  "allowTrailingCommas",
];
const texts = ["$schema", "$id", "title", "errorMessage", "patternErrorMessage"];
const target = (schema, $ref) => schema.$defs[$ref.slice("#/$defs/".length)];

/**
 * The schema without notes for people and editors. In an editor, `${…}` passes each `pattern`; the program checks
 * patterns after it has replaced the variables.
 */
export function withoutNotes(schema) {
  const keep = (name, value) => {
    if (name === "pattern" && typeof value === "string") return value.replace(/^\\\$\\\{\|/, "");
    // A property of the config may have the name of a note. Its value is a schema.
    const isSchema = typeof value === "object" && value !== null && "description" in value;
    return notes.includes(name) && !isSchema ? undefined : value;
  };
  return JSON.parse(JSON.stringify(schema, keep));
}

// The keywords that src/config/fits-schema.ts knows: those whose value is a schema, a list of schemas, schemas by name,
// or something else.
const one = ["items", "additionalProperties", "propertyNames", "not", "if", "then", "else"];
const lists = ["allOf", "anyOf"];
const maps = ["$defs", "properties", "dependentSchemas"];
const others = [
  "$ref",
  "type",
  "enum",
  "const",
  "pattern",
  "minLength",
  "minimum",
  "maximum",
  "minItems",
  "uniqueItems",
  "required",
];

/** The schema as src/config/fits-schema.ts reads it, as JSON, because Node parses JSON faster than code. */
export function plainSchema(schema) {
  const plain = (node) => {
    if (typeof node !== "object") return node;
    const entries = Object.entries(node).filter(
      ([name, value]) => !texts.includes(name) && !(name === "confine" && value === "none"),
    );
    const copy = Object.fromEntries(entries.map(([name, value]) => [name, inner(name, value)]));
    const [only, ...more] = Object.keys(copy);
    if (more.length > 0) return copy;
    // `not: {}` allows nothing.
    if (only === "not" && Object.keys(copy.not).length === 0) return false;
    return only === "$ref" ? copy.$ref : copy;
  };
  const inner = (name, value) => {
    if (one.includes(name)) return plain(value);
    if (lists.includes(name)) return value.map(plain);
    if (maps.includes(name)) return mapValues(value, plain);
    if (!others.includes(name) && name !== "confine")
      throw new Error(`src/config/fits-schema.ts does not know ${name}.`);
    return name === "$ref" ? value.slice("#/$defs/".length) : value;
  };
  const json = JSON.stringify(JSON.stringify(plain(withoutNotes(schema))));
  return `import type { SchemaKeywords } from "../fits-schema.js";\n\nexport const schema: SchemaKeywords = JSON.parse(\n  ${json},\n);\n`;
}

/** The tables that src/config/definitions.ts describes. */
export function definitionTables(schema) {
  const nodes = [...nodesOf(schema)];
  const closed = nodes.filter(({ additionalProperties, title }) => additionalProperties === false && title);
  const noSource = schema.$defs.secretReference.allOf.find(({ then }) => then?.title === "NoSource");
  const tables = {
    definitions: Object.fromEntries(
      closed.map(({ title, properties, required = [] }) => {
        const names = Object.keys(properties);
        const references = names.filter((name) => isReference(schema, properties[name]));
        return [title, { properties: names, required, references }];
      }),
    ),
    grantTitles: variants(schema, schema.$defs.grant),
    storeTitles: variants(schema, schema.$defs.store),
    referenceKinds: noSource.if.not.anyOf.map(({ required: [name] }) => name),
    tokenTypes: schema.$defs.tokenType.examples.filter((type) => !type.includes(":")),
    partTitles: sorted(nodes.map(({ title }) => title)),
    confinedKinds: sorted(nodes.map(({ confine }) => confine)).filter((kind) => kind !== "none"),
  };
  const lines = Object.entries(tables).map(
    ([name, table]) => `export const ${name} = ${JSON.stringify(table, null, 2)} as const;\n`,
  );
  return lines.join("\n");
}

function* nodesOf(node) {
  if (typeof node !== "object" || node === null) return;
  if (!Array.isArray(node)) yield node;
  for (const inner of Object.values(node)) yield* nodesOf(inner);
}

function sorted(values) {
  return [...new Set(values.filter((value) => typeof value === "string"))].sort();
}

/** Whether a value may be a secret reference, or a list of them. */
function isReference(schema, node) {
  if (typeof node !== "object" || node === null) return false;
  if (node.title === "SecretReference") return true;
  if (node.properties !== undefined) return false;
  const parts = [node.then, node.else, node.items, node.$ref && target(schema, node.$ref)];
  return parts.some((part) => isReference(schema, part));
}

/**
 * The titles of the variants of a grant or a store, by their `type`. The validator would accept a variant that the `enum`
 * or the `tsType` does not name, and no type would know of it.
 */
function variants(schema, { title, tsType, properties, allOf }) {
  const definitions = allOf.flatMap(({ then }) =>
    then.$ref === undefined ? [] : [target(schema, then.$ref)],
  );
  const titles = Object.fromEntries(definitions.map((each) => [each.properties.type.enum[0], each.title]));
  const named = [...properties.type.enum].sort().join();
  if (
    Object.keys(titles).sort().join() !== named ||
    !definitions.every((each) => tsType.includes(each.title))
  )
    throw new Error(`The enum, the tsType and the variants of ${title} differ.`);
  return titles;
}

function mapValues(object, change) {
  return Object.fromEntries(Object.entries(object).map(([name, value]) => [name, change(value)]));
}
