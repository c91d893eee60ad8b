// Creates docs/config-reference.md: a table for each definition, with everything that the schema says about it.
import { targetOf } from "./schema-data.mjs";

// The definitions that are not listed here come after these.
const order = `Server ClientCredentialsGrant JwtBearerGrant SignedAssertion TokenExchangeGrant Subject Actor
  EnterpriseManagedGrant IdentityProvider StaticGrant Client Certificate Metadata Key Signer SecretReference`.split(
  /\s+/,
);
/** Definitions of text that have a section of their own. */
const textDefinitions = ["duration", "url", "issuer"];
const code = (value) => `\`${JSON.stringify(value)}\``;

/** @param {Record<string, any>} schema @returns {string} */
export function referencePage(schema) {
  const rank = ({ title }) => (order.includes(title) ? order.indexOf(title) : order.length);
  const tables = Object.values(schema.$defs).filter(
    ({ properties, title }) => properties && title !== "Grant",
  );
  const texts = textDefinitions.map((name) => schema.$defs[name]);
  return `# Config reference

Every field of \`mcp-auth.config.json\`. Anything else in the file is an error. How the file is found, interpolation
and examples are in [config.md](config.md).

${[
  tableOf({ ...schema, title: "Top level" }, schema),
  ...tables.sort((a, b) => rank(a) - rank(b)).map((definition) => tableOf(definition, schema)),
  ...texts.map(({ title, description }) => `## ${title}\n\n${description}\n`),
].join("\n")}`;
}

function tableOf({ title, description, properties, required = [] }, schema) {
  const rows = Object.entries(properties).map(([name, property]) => {
    const target = property.$ref === undefined ? property : targetOf(schema, property);
    const { enum: values, enumDescriptions = [] } = target.items?.enum === undefined ? target : target.items;
    const fallback = property.default ?? target.default;
    const cells = [
      `\`${name}\`${required.includes(name) ? " (required)" : ""}`,
      typeOf(property, schema),
      fallback === undefined ? "" : code(fallback),
      [
        property.description ?? target.description,
        ...(values ?? []).map((value, index) => `${code(value)}: ${enumDescriptions[index]}`),
        property.examples && `Example: ${property.examples.map(code).join(", ")}.`,
      ]
        .filter(Boolean)
        .join(" "),
    ];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
  });
  return `## ${title}\n\n${description}\n\n| field | type | default | |\n| --- | --- | --- | --- |\n${rows.join("")}`;
}

function typeOf(node, schema) {
  const target = node.$ref === undefined ? node : targetOf(schema, node);
  const { title, properties, additionalProperties } = target;
  const written = node.tsType ?? target.tsType;
  if (written !== undefined && written !== title) return typeInWords(written, schema);
  if (title !== undefined && (properties !== undefined || textDefinitions.includes(title.toLowerCase())))
    return link(title);
  return typeof additionalProperties === "object"
    ? `map of ${typeOf(additionalProperties, schema)}`
    : target.type;
}

/** Returns a TypeScript type in words: `string | OneSigner<Key>` is "name or key". */
function typeInWords(written, schema) {
  const alternatives = written.replaceAll(/\w+<([^<>]+)>/g, (_, types) => types.replaceAll(", ", " | "));
  const words = alternatives.split(" | ").map((inner) => {
    if (/^(true|false)$/.test(inner)) return `\`${inner}\``;
    if (inner.startsWith("{ readonly [")) return "object";
    if (inner.startsWith("{")) return `\`${inner.replace("readonly ", "")}\``;
    if (inner.startsWith("readonly ")) return "list of strings";
    if (inner === "(string & {})" || inner === "TokenType") return "string";
    const isTitle = Object.values(schema.$defs).some(({ title }) => title === inner);
    return isTitle ? link(inner) : inner.replaceAll('"', "`");
  });
  const isNamed = words[0] === "string" && /\((#client|#key)\)/.test(words[1]);
  return [...new Set(isNamed ? ["name", ...words.slice(1)] : words)].join(" or ");
}

function link(title) {
  return `[${title}](#${title.toLowerCase()})`;
}
