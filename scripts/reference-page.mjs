// Writes `docs/config-reference.md`: one table a definition, everything in it from the schema.

/** @param {Record<string, any>} schema @returns {string} */
export function referencePage(schema) {
  const definitions = Object.values(schema.$defs).filter((definition) => definition.properties !== undefined);
  const sections = [
    section({ ...schema, title: "Top level" }, schema),
    ...order(definitions).map((definition) => section(definition, schema)),
    simpleTypes(schema),
  ];
  return `# Config reference

Every field of \`mcp-auth.config.json\`. Anything else in the file is an error. How the file is found, interpolation
and examples are in [config.md](config.md).

${sections.join("\n")}`;
}

const simple = ["duration", "url", "issuer"];

const reading = [
  "Server",
  "ClientCredentialsGrant",
  "JwtBearerGrant",
  "SignedAssertion",
  "TokenExchangeGrant",
  "Subject",
  "Actor",
  "EnterpriseManagedGrant",
  "IdentityProvider",
  "StaticGrant",
  "Client",
  "Certificate",
  "Metadata",
  "Key",
  "Signer",
  "SecretReference",
];

function order(definitions) {
  const rank = ({ title }) => (reading.includes(title) ? reading.indexOf(title) : reading.length);
  return definitions.filter(({ title }) => title !== "Grant").sort((a, b) => rank(a) - rank(b));
}

function section(definition, schema) {
  const required = definition.required ?? [];
  const rows = Object.entries(definition.properties).map(([name, property]) => {
    const target = resolve(property, schema);
    const notes = [property.description ?? target.description, allowed(target), examples(property)].filter(
      Boolean,
    );
    const fallback = property.default ?? target.default;
    const cells = [
      `\`${name}\`${required.includes(name) ? " (required)" : ""}`,
      type(property, schema),
      fallback === undefined ? "" : `\`${JSON.stringify(fallback)}\``,
      notes.join(" "),
    ];
    return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  });
  return `## ${definition.title}

${definition.description}

| field | type | default | |
| --- | --- | --- | --- |
${rows.join("\n")}
`;
}

function resolve(node, schema) {
  return node.$ref === undefined ? node : schema.$defs[node.$ref.slice("#/$defs/".length)];
}

function type(node, schema) {
  const target = resolve(node, schema);
  const written = node.tsType ?? target.tsType;
  if (written !== undefined && written !== target.title) return typeInWords(written, schema);
  if (target.title !== undefined && isOnPage(target)) return link(target.title);
  if (typeof target.additionalProperties === "object")
    return `map of ${type(target.additionalProperties, schema)}`;
  return target.type;
}

/** A TypeScript type as the page says it: `string | OneSigner<Key>` is a name or a key. */
function typeInWords(written, schema) {
  const words = written.split(" | ").map((part) => {
    const inner = part.match(/^\w+<(\w+)>$/)?.[1] ?? part;
    if (/^(true|false)$/.test(inner)) return `\`${inner}\``;
    if (inner.startsWith("{ readonly [")) return "object";
    if (inner.startsWith("{")) return `\`${inner.replace("readonly ", "")}\``;
    if (inner.startsWith("readonly ")) return "list of strings";
    if (inner === "(string & {})" || inner === "TokenType") return "string";
    const isTitle = Object.values(schema.$defs).some(({ title }) => title === inner);
    return isTitle ? link(inner) : inner.replaceAll('"', "`");
  });
  const isNamed = words[0] === "string" && words.length > 1 && /\((#client|#key)\)/.test(words[1]);
  return [...new Set(isNamed ? ["name", ...words.slice(1)] : words)].join(" or ");
}

function isOnPage({ title, properties }) {
  return properties !== undefined || simple.some((name) => name === title.toLowerCase());
}

function link(title) {
  return `[${title}](#${title.toLowerCase()})`;
}

function allowed({ enum: values, enumDescriptions = [] }) {
  if (values === undefined) return undefined;
  return values.map((value, at) => `\`${JSON.stringify(value)}\`: ${enumDescriptions[at]}`).join(" ");
}

function examples({ examples: values }) {
  if (values === undefined) return undefined;
  return `Example: ${values.map((value) => `\`${JSON.stringify(value)}\``).join(", ")}.`;
}

function simpleTypes(schema) {
  const definitions = simple.map((name) => schema.$defs[name]);
  return definitions.map(({ title, description }) => `## ${title}\n\n${description}\n`).join("\n");
}
