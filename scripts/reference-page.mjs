// Creates docs/config-reference.md: a table for each definition, with everything that the schema says about it.
import { targetOf } from "./schema-data.mjs";

// The definitions that are not listed here come after these.
const order =
  `Server Defaults Refresh Retry DPoPKey ClientCredentialsGrant JwtBearerGrant SignedAssertion TokenExchangeGrant Subject
  Actor RuntimeToken EnterpriseManagedGrant IdentityProvider RefreshTokenGrant ExtensionGrant StaticGrant Client
  Certificate Metadata Key Signer SecretReference GithubActions GcpIdentity AzureIdentity AwsIdentity MemoryStore
  FileStore RedisStore Sentinel Network LocalProxy`.split(/\s+/);
/** Definitions of text that have a section of their own. */
const textDefinitions = ["duration", "url", "issuer"];
const code = (value) => `\`${JSON.stringify(value)}\``;

/** @param {Record<string, any>} schema @returns {string} */
export function referencePage(schema) {
  const rank = ({ title }) => (order.includes(title) ? order.indexOf(title) : order.length);
  const tables = Object.values(schema.$defs).filter(
    ({ properties, title }) => properties && !["Grant", "Store"].includes(title),
  );
  const texts = textDefinitions.map((name) => schema.$defs[name]);
  const sections = [{ ...schema, title: "Top level" }, ...tables.sort((a, b) => rank(a) - rank(b))];
  const contents = [...sections, ...texts].map(({ title }) => `[${title}](#${slug(title)})`);
  return `# Config reference

Every field of \`mcp-auth.config.json\`. Anything else in the file is an error. Search this page for the name of a field,
or start at the [top level](#top-level). [Write the config file](config.md) explains where the file goes, how variables
work, and has examples.

${wrapped(contents, " · ")}

${[
  ...sections.map((definition) => tableOf(definition, sections, schema)),
  ...texts.map(
    ({ title, description }) => `## ${title}\n\n${usesOf(title, sections, schema)}${description}\n`,
  ),
].join("\n")}`;
}

/** Joins items to lines of at most 120 characters. */
function wrapped(items, separator) {
  const lines = [""];
  for (const item of items) {
    const last = lines.at(-1);
    const joined = last === "" ? item : `${last}${separator}${item}`;
    if (joined.length <= 118) lines[lines.length - 1] = joined;
    else lines.push(item);
  }
  return lines.join(`${separator.trimEnd()}\n`);
}

/** Returns a sentence with the fields that lead to a definition, and an empty line. */
function usesOf(title, sections, schema) {
  const uses = sections.flatMap((section) =>
    Object.entries(section.properties ?? {})
      .filter(([, property]) => typeOf(property, schema).includes(link(title)))
      .map(([name]) => ({ name, section: section.title })),
  );
  // A longer list helps nobody.
  if (uses.length === 0 || uses.length > 8) return "";
  const names = new Map();
  for (const { name, section } of uses) names.set(name, [...(names.get(name) ?? []), section]);
  const places = [...names].map(([name, found]) => `\`${name}\` of ${found.map(link).join(", ")}`);
  return `${wrapped(`Value of ${places.join("; ")}.`.split(" "), " ")}\n\n`;
}

function tableOf({ title, description, properties, required = [] }, sections, schema) {
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
  const head = "| field | type | default | meaning |\n| --- | --- | --- | --- |\n";
  return `## ${title}\n\n${description}\n\n${usesOf(title, sections, schema)}${head}${rows.join("")}`;
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
  const withoutInner = written.replaceAll(/\w+<([^<>]+)>/g, (_, types) => types.replaceAll(", ", " | "));
  if (withoutInner !== written) return typeInWords(withoutInner, schema);
  const words = written.split(" | ").map((inner) => {
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
  return `[${title}](#${slug(title)})`;
}

function slug(title) {
  return title.toLowerCase().replaceAll(" ", "-");
}
