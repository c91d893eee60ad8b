// Makes everything that follows from the schema: the types, the validator and the reference page.
// `node scripts/generate.mjs` writes them; `--check` writes nothing and exits 1 when one of them is stale.
import { readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { compactValidator } from "./compact-validator.mjs";
import { confinedParts } from "./confined-parts.mjs";
import { definitionsTable } from "./definitions-table.mjs";
import { referencePage } from "./reference-page.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const notice = "Generated from schema/mcp-auth.schema.json by scripts/generate.mjs. Do not edit.";

// Annotations for editors and for this script, which ajv has to be told of in strict mode.
const annotations = [
  "allowComments",
  "allowTrailingCommas",
  "confine",
  "enumDescriptions",
  "errorMessage",
  "patternErrorMessage",
  "tsType",
];

/** @returns {Promise<{ path: string, stale: boolean, content: string }[]>} */
export async function generate() {
  const schema = JSON.parse(await readFile(join(root, "schema/mcp-auth.schema.json"), "utf8"));
  const { code, parts } = await validator(schema);
  const made = [
    { path: "src/config/generated/types.ts", content: await types(schema) },
    { path: "src/config/generated/validate.js", content: code },
    { path: "src/config/generated/validate.d.ts", content: validatorTypes },
    { path: "src/config/generated/schema-parts.ts", content: parts },
    { path: "src/config/generated/plain-schema.ts", content: plainSchema(schema) },
    { path: "src/config/generated/confined.ts", content: confinedParts(schema, notice) },
    { path: "src/config/generated/definitions.ts", content: definitionsTable(schema, notice) },
    { path: "docs/config-reference.md", content: referencePage(schema, notice) },
  ];
  return Promise.all(
    made.map(async (file) => ({ ...file, stale: (await current(file.path)) !== file.content })),
  );
}

async function current(path) {
  try {
    return await readFile(join(root, path), "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

async function types(schema) {
  const { compile } = await import("json-schema-to-typescript");
  const reachable = withPlainReferences(schema);
  const source = await compile(reachable, "Config", {
    bannerComment: "",
    unreachableDefinitions: true,
    additionalProperties: false,
    format: true,
    style: { printWidth: 110 },
  });
  return `// ${notice}\n\n${handWritten}\n${tidy(source)}`;
}

// What a schema cannot say to the type generator: unions whose members exclude each other.
const handWritten = `/** None of these properties. */
export type Without<Names extends string> = { [Name in Names]?: never };

/** Where a secret is: in one place, never in the config itself. */
export type SecretReference =
  | ({ env: string } & Without<"file" | "exec" | "githubActions" | "resolver" | "ref" | "timeout" | "pointer">)
  | ({ file: string; pointer?: string } & Without<
      "env" | "exec" | "githubActions" | "resolver" | "ref" | "timeout"
    >)
  | ({ exec: readonly string[]; timeout?: string; pointer?: string } & Without<
      "env" | "file" | "githubActions" | "resolver" | "ref"
    >)
  | ({ githubActions: GithubActions } & Without<
      "env" | "file" | "exec" | "resolver" | "ref" | "timeout" | "pointer"
    >)
  | ({ resolver: string; ref: string; pointer?: string } & Without<
      "env" | "file" | "exec" | "githubActions" | "timeout"
    >);

/** The type of a token, RFC 8693 §3: a short name or any URI. */
export type TokenType =
  | "access_token"
  | "refresh_token"
  | "id_token"
  | "saml1"
  | "saml2"
  | "jwt"
  | (string & {});

export type Algorithm = NonNullable<Key["alg"]>;
export type Method = NonNullable<Client["method"]>;

/** What signs is a command or a function given in code; \`timeout\` is the command's. */
export type OneSigningPlace<S extends Signer> = Omit<S, "exec" | "timeout" | "name"> &
  (
    | { exec: readonly string[]; timeout?: string; name?: never }
    | ({ name: string } & Without<"exec" | "timeout">)
  );

/** A key has a private key or a signer; a signer does not say by itself which algorithm it is for. */
export type OneSigner<K extends Key> = Omit<K, "privateKey" | "passphrase" | "signer" | "alg"> &
  (
    | { privateKey: SecretReference; passphrase?: SecretReference; alg?: Algorithm; signer?: never }
    | ({ signer: OneSigningPlace<Signer>; alg: Algorithm } & Without<"privateKey" | "passphrase">)
  );

type Credential = "secret" | "key" | "assertion" | "certificate";
type OfCredential = "method" | "basicEncoding" | "assertionAudience" | "assertionType";

/** A client has one credential or none; \`method\` and what says how it is sent go with what it has. */
export type OneCredential<C extends Client> = Omit<C, "id" | Credential | OfCredential> & { id: string } & (
    | ({
        secret: SecretReference;
        method?: "client_secret_basic";
        basicEncoding?: "form" | "raw";
      } & Without<"key" | "assertion" | "certificate" | "assertionAudience" | "assertionType">)
    | ({ secret: SecretReference; method: "client_secret_post" } & Without<
        "key" | "assertion" | "certificate" | Exclude<OfCredential, "method">
      >)
    | ({ secret: SecretReference; method?: "client_secret_jwt" } & Signed &
        Without<"key" | "assertion" | "certificate" | "basicEncoding">)
    | ({ key: string | OneSigner<Key>; method?: "private_key_jwt" } & Signed &
        Without<"secret" | "assertion" | "certificate" | "basicEncoding">)
    | ({ assertion: SecretReference; method?: "private_key_jwt"; assertionType?: string } & Without<
        "secret" | "key" | "certificate" | "basicEncoding" | "assertionAudience"
      >)
    | ({ certificate: Certificate; method?: "tls_client_auth" | "self_signed_tls_client_auth" } & Without<
        "secret" | "key" | "assertion" | Exclude<OfCredential, "method">
      >)
    | ({ method?: "none" } & Without<Credential | Exclude<OfCredential, "method">>)
  );

interface Signed {
  assertionAudience?: "issuer" | "token_endpoint" | (string & {});
  assertionType?: string;
}

/** The grant that needs no \`type\` has nothing that would tell it from another one. */
export type OfNoOtherGrant<G> = G &
  Without<"assertion" | "subject" | "actor" | "requestedType" | "idp" | "token" | "lifetime">;

/** Where an assertion says it all: an authorization server, and nobody who asks. */
export type Anonymous<C extends Client> = Omit<C, "id" | Credential | OfCredential> &
  Without<"id" | Credential | OfCredential>;
`;

/**
 * A `$ref` with a description beside it becomes a second copy of the type it names, so only the name is kept where
 * the target has a TypeScript type of its own.
 */
function withPlainReferences(schema) {
  const visit = (node) => {
    if (Array.isArray(node)) return node.map(visit);
    if (typeof node !== "object" || node === null) return node;
    const {
      $ref,
      if: _if,
      then: _then,
      else: _else,
      allOf: _all,
      not: _not,
      dependentSchemas: _dependent,
      propertyNames: _names,
      ...rest
    } = node;
    const inner = Object.fromEntries(
      Object.entries(rest).map(([name, value]) =>
        ["default", "examples", "enum", "required"].includes(name) ? [name, value] : [name, visit(value)],
      ),
    );
    if ($ref === undefined) return inner;
    const target = schema.$defs[$ref.slice("#/$defs/".length)];
    const tsType = inner.tsType ?? target.tsType ?? (target.type === "object" ? target.title : undefined);
    if (tsType !== undefined) return { description: inner.description ?? target.description, tsType };
    return { ...visit(target), title: undefined, ...inner };
  };
  const copy = visit(schema);
  // Only objects become types of their own; the rest is written out where it is used.
  copy.$defs = Object.fromEntries(
    Object.entries(copy.$defs).filter(
      ([, definition]) => definition.type === "object" && definition.tsType === undefined,
    ),
  );
  return JSON.parse(JSON.stringify(copy));
}

// The sentence that the generator adds to each definition says nothing to a reader of the types.
function tidy(source) {
  return source
    .replaceAll(
      / \*\n \* This interface was referenced by [^\n]*\n( \* via the `definition` "[^"]*"\.\n)?/g,
      "",
    )
    .replaceAll(/\n \*\n \* via the `definition` "[^"]*"\.\n/g, "\n");
}

async function validator(schema) {
  const [{ default: Ajv }, { default: standaloneCode }, { build }] = await Promise.all([
    import("ajv/dist/2020.js"),
    import("ajv/dist/standalone/index.js"),
    import("esbuild"),
  ]);
  const ajv = new Ajv.default({
    allErrors: true,
    allowUnionTypes: true,
    strictTypes: false,
    strictRequired: false,
    messages: false,
    inlineRefs: false,
    verbose: true,
    code: { source: true, esm: true, lines: true },
  });
  // What only keywords need that the schema does not use.
  ajv.opts.unevaluated = false;
  ajv.addVocabulary(annotations);
  const written = (standaloneCode.default ?? standaloneCode)(
    ajv,
    ajv.compile(strict(withPlainNames(schema))),
  );
  const { code, parts } = compactValidator(written);
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: root, loader: "js" },
    // Paths of modules show in the result: it must not depend on where it is made.
    absWorkingDir: root,
    preserveSymlinks: true,
    bundle: true,
    format: "esm",
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "es2023",
    charset: "utf8",
    legalComments: "none",
    minify: true,
    write: false,
  });
  return { code: `// ${notice}\n${outputFiles[0].text}`, parts: schemaParts(parts) };
}

// What is checked before the validator runs. A keyword that is not known here would pass for satisfied.
const keywords = new Set([
  ...["$defs", "$ref", "type", "enum", "const", "pattern", "minLength", "minimum", "maximum"],
  ...["items", "minItems", "uniqueItems", "properties", "additionalProperties", "propertyNames", "required"],
  ...["dependentSchemas", "allOf", "anyOf", "not", "if", "then", "else"],
]);
const texts = new Set(["$schema", "$id", "title", "errorMessage", "patternErrorMessage"]);

function plainSchema(schema) {
  const bare = (node) => {
    if (typeof node !== "object") return node;
    const entries = Object.entries(node).filter(([name]) => !texts.has(name));
    const unknown = entries.find(([name]) => !keywords.has(name));
    if (unknown !== undefined) throw new Error(`src/config/fits-schema.ts does not know ${unknown[0]}.`);
    const copy = Object.fromEntries(entries.map(([name, value]) => [name, inner(name, value)]));
    const [only, ...others] = Object.keys(copy);
    if (others.length > 0) return copy;
    // Nothing is not anything.
    if (only === "not" && Object.keys(copy.not).length === 0) return false;
    return only === "$ref" ? copy.$ref : copy;
  };
  const inner = (name, value) => {
    if (["$defs", "properties", "dependentSchemas"].includes(name))
      return Object.fromEntries(Object.entries(value).map(([each, node]) => [each, bare(node)]));
    if (["allOf", "anyOf"].includes(name)) return value.map(bare);
    if (name === "$ref") return value.slice("#/$defs/".length);
    const isSchema = ["items", "additionalProperties", "propertyNames", "not", "if", "then", "else"];
    return isSchema.includes(name) ? bare(value) : value;
  };
  const text = JSON.stringify(JSON.stringify(bare(strict(schema))));
  return `// ${notice}

import type { SchemaKeywords } from "../fits-schema.js";

// JSON is read faster than code.
export const schema: SchemaKeywords = JSON.parse(\n  ${text},\n);
`;
}

function schemaParts(parts) {
  return `// ${notice}

export type PartTitle = ${[...new Set(parts.map(({ title }) => title).filter(Boolean))]
    .sort()
    .map((title) => JSON.stringify(title))
    .join(" | ")};

/** The texts of a part of the schema that messages are made of. */
export interface SchemaPart {
  readonly title?: PartTitle;
  readonly errorMessage?: string;
  readonly patternErrorMessage?: string;
  readonly enum?: readonly unknown[];
  /** Their names. */
  readonly properties?: readonly string[];
}

export const schemaParts: readonly SchemaPart[] = ${JSON.stringify(parts, null, 2)};
`;
}

/** ajv says which name is wrong only where the rule for it is not behind a `$ref`. */
function withPlainNames(schema) {
  const isReference = (value) => typeof value === "object" && value !== null && "$ref" in value;
  return JSON.parse(
    JSON.stringify(schema, (key, value) =>
      key === "propertyNames" && isReference(value)
        ? schema.$defs[value.$ref.slice("#/$defs/".length)]
        : value,
    ),
  );
}

/**
 * The schema that editors see lets `${…}` pass where there is a pattern. The validator is compiled without this
 * exception, because it also runs after interpolation; and without the texts that no message is made of.
 */
function strict(node) {
  if (Array.isArray(node)) return node.map(strict);
  if (typeof node !== "object" || node === null) return node;
  return Object.fromEntries(
    Object.entries(node).flatMap(([name, value]) => {
      if (name === "pattern" && typeof value === "string") return [[name, value.replace(/^\\\$\\\{\|/, "")]];
      const isText = typeof value === "string" && ["description", "tsType", "confine"].includes(name);
      const isAnnotation = [
        "examples",
        "default",
        "enumDescriptions",
        "allowComments",
        "allowTrailingCommas",
      ].includes(name);
      if (isText || (isAnnotation && !isSchema(value))) return [];
      return [[name, strict(value)]];
    }),
  );
}

// `default` and the like could one day be names of properties; then their value is a schema.
function isSchema(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value) && "description" in value;
}

const validatorTypes = `// ${notice}

/** One failed keyword of the schema. \`data\` may hold a secret: never show it. */
export interface FoundError {
  readonly keyword: string;
  /** JSON pointer into the document. */
  readonly instancePath: string;
  readonly params: {
    readonly additionalProperty?: string;
    readonly missingProperty?: string;
    readonly type?: string | readonly string[];
    readonly limit?: number;
    /** Indexes of two equal items, in no order. */
    readonly i?: number;
    readonly j?: number;
  };
  /** Index of the part of the schema in \`schemaParts\`. */
  readonly part: number;
  readonly data?: unknown;
  /** Set when it is the name of this property that is wrong. */
  readonly propertyName?: string;
}

declare const validate: {
  (data: unknown): boolean;
  errors?: readonly FoundError[] | null;
};

export { validate, validate as default };
`;

async function main(args) {
  const files = await generate();
  const stale = files.filter((file) => file.stale);
  if (args.includes("--check")) {
    for (const { path } of stale) console.error(`${path} is stale: run npm run generate`);
    return stale.length === 0 ? 0 : 1;
  }
  const { mkdir } = await import("node:fs/promises");
  for (const { path, content } of stale) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
    console.log(`wrote ${path}`);
  }
  return 0;
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  process.exitCode = await main(process.argv.slice(2));
}
