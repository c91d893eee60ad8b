// Creates what the program needs of the schema at run time.
const notes = "description tsType examples default enumDescriptions allowComments allowTrailingCommas".split(
  " ",
);
const texts = "$schema $id title errorMessage patternErrorMessage".split(" ");
// The keywords that src/config/fits-schema.ts supports, by their value: a schema, a list of schemas, schemas by name,
// or something else.
const one = "items additionalProperties propertyNames not if then else".split(" ");
const lists = "allOf anyOf".split(" ");
const maps = "$defs properties dependentSchemas".split(" ");
const others = "type enum const pattern minLength minimum maximum minItems uniqueItems required".split(" ");

export function targetOf(schema, { $ref }) {
  return schema.$defs[$ref.slice("#/$defs/".length)];
}

/**
 * Returns the schema without notes for people and editors. In an editor, `${…}` passes each `pattern`; the program
 * checks patterns after it has replaced the variables.
 */
export function withoutNotes(schema) {
  const keep = (name, value) => {
    if (name === "pattern" && typeof value === "string") return value.replace(/^\\\$\\\{\|/, "");
    if (name === "confine" && value === "none") return undefined;
    // A property of the config may have the same name as a note, but its value is a schema.
    const isSchema = typeof value === "object" && value !== null && "description" in value;
    return notes.includes(name) && !isSchema ? undefined : value;
  };
  return JSON.parse(JSON.stringify(schema, keep));
}

/** Returns the schema as src/config/fits-schema.ts reads it. It is JSON, which Node parses faster than code. */
export function plainSchema(schema) {
  const plain = (node) => {
    if (typeof node !== "object") return node;
    const entries = Object.entries(node).filter(([name]) => !texts.includes(name));
    // `not: {}` allows nothing.
    if (entries.length === 1 && JSON.stringify(node.not) === "{}") return false;
    const copy = Object.fromEntries(entries.map(([name, value]) => [name, inner(name, value)]));
    return entries.length === 1 && copy.$ref ? copy.$ref : copy;
  };
  const inner = (name, value) => {
    if (name === "$ref") return value.slice("#/$defs/".length);
    if (one.includes(name)) return plain(value);
    if (lists.includes(name)) return value.map(plain);
    if (maps.includes(name))
      return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
    if (others.includes(name) || name === "confine") return value;
    throw new Error(`src/config/fits-schema.ts does not know ${name}.`);
  };
  const json = JSON.stringify(JSON.stringify(plain(withoutNotes(schema))));
  const type = 'import type { SchemaKeywords } from "../fits-schema.js";\n';
  return `${type}\nexport const schema: SchemaKeywords = JSON.parse(\n  ${json},\n);\n`;
}

/** Returns the names of the properties of objects that may have no others, by title. */
export function definitionsOf(schema) {
  const namesIn = ({ properties, required = [] }) => {
    const names = Object.keys(properties);
    const references = names.filter((name) => isReference(schema, properties[name]));
    return { properties: names, required, references };
  };
  const isClosed = ({ additionalProperties, title }) => additionalProperties === false && title;
  return Object.fromEntries([...nodesOf(schema)].filter(isClosed).map((node) => [node.title, namesIn(node)]));
}

/** Returns the tables that src/config/definitions.ts describes. */
export function definitionTables(schema) {
  const nodes = [...nodesOf(schema)];
  const noSource = schema.$defs.secretReference.allOf.find(({ then }) => then?.title === "NoSource");
  const tables = {
    definitions: definitionsOf(schema),
    grantTitles: variants(schema, schema.$defs.grant),
    storeTitles: variants(schema, schema.$defs.store),
    referenceKinds: noSource.if.not.anyOf.map(({ required: [name] }) => name),
    tokenTypes: schema.$defs.tokenType.examples.filter((type) => !type.includes(":")),
    partTitles: textsOf(nodes, "title"),
    confinedKinds: textsOf(nodes, "confine").filter((kind) => kind !== "none"),
  };
  return Object.entries(tables)
    .map(([name, table]) => `export const ${name} = ${JSON.stringify(table, null, 2)} as const;\n`)
    .join("\n");
}

function* nodesOf(node) {
  if (typeof node !== "object" || node === null) return;
  if (!Array.isArray(node)) yield node;
  for (const inner of Object.values(node)) yield* nodesOf(inner);
}

function textsOf(nodes, name) {
  return [...new Set(nodes.map((node) => node[name]).filter((value) => typeof value === "string"))].sort();
}

/** Returns whether a value may be a secret reference, or a list of them. */
function isReference(schema, node) {
  if (typeof node !== "object" || node === null) return false;
  if (node.title === "SecretReference") return true;
  if (node.properties !== undefined) return false;
  const parts = [node.then, node.else, node.items, node.$ref && targetOf(schema, node)];
  return parts.some((part) => isReference(schema, part));
}

/**
 * Returns the titles of the variants of a grant or a store, by their `type`. Throws if the `enum` or the `tsType` lacks
 * a variant: the validator would accept it, but no type would include it.
 */
function variants(schema, { title, tsType, properties, allOf }) {
  const definitions = allOf.flatMap(({ then }) => (then.$ref === undefined ? [] : [targetOf(schema, then)]));
  const titles = Object.fromEntries(definitions.map((each) => [each.properties.type.enum[0], each.title]));
  const isTyped = definitions.every((each) => tsType.includes(each.title));
  if (!isTyped || Object.keys(titles).sort().join() !== [...properties.type.enum].sort().join())
    throw new Error(`The enum, the tsType and the variants of ${title} differ.`);
  return titles;
}
