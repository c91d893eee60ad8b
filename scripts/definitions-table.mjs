// Writes `src/config/generated/definitions.ts`: which properties each definition of the schema has, which of them hold a
// secret reference, and which definitions are the variants of a grant or a store. Messages about misplaced properties are
// made of it.

/** @param {Record<string, any>} schema @param {string} notice @returns {string} */
export function definitionsTable(schema, notice) {
  const target = ({ $ref }) => schema.$defs[$ref.slice("#/$defs/".length)];
  const definitions = closedObjects(schema).map(({ title, properties, required = [] }) => {
    const names = Object.keys(properties);
    const references = names.filter((name) => isReference(properties[name], target));
    return `  ${title}: ${JSON.stringify({ properties: names, required, references })},\n`;
  });
  return `// ${notice}

/** The definitions that list all properties which an object may have, by title. */
export const definitions = {
${definitions.join("")}} as const;

/** The definitions among which the \`type\` of a grant or a store chooses, by that \`type\`. */
export const grantTitles = ${JSON.stringify(variants(schema.$defs.grant, target))} as const;
export const storeTitles = ${JSON.stringify(variants(schema.$defs.store, target))} as const;

/** The properties that say where a secret is. A reference has one of them. */
export const referenceKinds = ${JSON.stringify(referenceKinds(schema.$defs.secretReference))} as const;

/** The short names of token types. */
export const tokenTypes = ${JSON.stringify(schema.$defs.tokenType.examples.filter((type) => !type.includes(":")))} as const;

export type DefinitionTitle = keyof typeof definitions;
export type PropertyOf<Title extends DefinitionTitle> = (typeof definitions)[Title]["properties"][number];
export type ReferenceKind = (typeof referenceKinds)[number];
`;
}

/** All parts of the schema, at any depth, that allow no property but their own. */
function closedObjects(node) {
  if (Array.isArray(node)) return node.flatMap(closedObjects);
  if (typeof node !== "object" || node === null) return [];
  const isClosed = node.additionalProperties === false && node.title !== undefined;
  return [...(isClosed ? [node] : []), ...Object.values(node).flatMap(closedObjects)];
}

/** Whether a value may be a secret reference, or a list of them. */
function isReference(node, target) {
  if (typeof node !== "object" || node === null) return false;
  if (node.title === "SecretReference") return true;
  // The properties of an object are not the object.
  if (node.properties !== undefined) return false;
  const parts = [node.then, node.else, node.items, node.$ref === undefined ? undefined : target(node)];
  return parts.some((part) => isReference(part, target));
}

/**
 * @throws for a variant that the enum of `type`, or the TypeScript type, does not name: the validator would accept it, and
 * no type would know of it
 */
function variants({ title, tsType, properties, allOf }, target) {
  const titles = {};
  for (const { then } of allOf) {
    if (then.$ref === undefined) continue;
    const variant = target(then);
    const [type] = variant.properties.type.enum;
    if (!properties.type.enum.includes(type)) throw new Error(`The type of ${title} does not name ${type}.`);
    if (!tsType.includes(variant.title)) throw new Error(`The tsType of ${title} lacks ${variant.title}.`);
    titles[type] = variant.title;
  }
  const unknown = properties.type.enum.find((type) => !(type in titles));
  if (unknown !== undefined) throw new Error(`${title} has no definition for the type ${unknown}.`);
  return titles;
}

function referenceKinds({ allOf }) {
  const noPlace = allOf.find(({ then }) => then?.title === "NoSource");
  return noPlace.if.not.anyOf.map(({ required: [name] }) => name);
}
