// Writes `docs/config-reference.md`: one table a definition, everything in it from the schema.

/** @param {Record<string, any>} schema @param {string} notice @returns {string} */
export function referencePage(schema, notice) {
  const definitions = Object.values(schema.$defs).filter((definition) => definition.properties !== undefined);
  const sections = [
    section({ ...schema, title: "Top level" }, schema),
    ...order(definitions).map((definition) => section(definition, schema)),
    simpleTypes(schema),
  ];
  return `<!-- ${notice} -->

# Config reference

Every field of \`mcp-auth.config.json\`. Anything else in the file is an error. How the file is found, interpolation
and examples are in [config.md](config.md).

${sections.join("\n")}`;
}

const reading = [
  "Server",
  "Grant",
  "ClientCredentialsGrant",
  "StaticGrant",
  "Client",
  "Key",
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
  const named = (title) => `[${title}](#${title.toLowerCase()})`;
  if (target.title === "Grant") return `${named("ClientCredentialsGrant")} or ${named("StaticGrant")}`;
  if (target.title === "ClientOrName") return `name or ${named("Client")}`;
  if (target.title === "RefreshOrFalse") return `${named("Refresh")} or \`false\``;
  if (target.title === "Headers") return `map of string or ${named("SecretReference")}`;
  if (target.title === "Scopes") return "list of strings";
  if (target.title === "Reach") return "string";
  if (node.tsType === "string | Key") return `name or ${named("Key")}`;
  if (node.tsType === "string | false") return "string or `false`";
  if (target.title !== undefined) return named(target.title);
  if (typeof target.additionalProperties === "object")
    return `map of ${type(target.additionalProperties, schema)}`;
  return target.type;
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
  const simple = ["duration", "url", "issuer"].map((name) => schema.$defs[name]);
  return simple.map(({ title, description }) => `## ${title}\n\n${description}\n`).join("\n");
}
