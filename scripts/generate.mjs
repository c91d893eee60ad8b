// `npm run generate` writes everything that follows from the schema. With `--check` it writes nothing, and fails if a
// file is stale.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import Ajv from "ajv/dist/2020.js";
import standalone from "ajv/dist/standalone/index.js";
import { build } from "esbuild";
import { compile } from "json-schema-to-typescript";
import { referencePage } from "./reference-page.mjs";
import { definitionTables, plainSchema, withoutNotes } from "./schema-data.mjs";

const root = join(import.meta.dirname, "..");
const notice = "Generated from schema/mcp-auth.schema.json by scripts/generate.mjs. Do not edit.";
const read = (path) => readFile(join(root, path), "utf8");

const schema = JSON.parse(await read("schema/mcp-auth.schema.json"));
const generated = {
  "src/config/generated/types.ts": `// ${notice}\n\n${await types()}`,
  "src/config/generated/validate.js": `// ${notice}\n${await validator()}`,
  "src/config/generated/plain-schema.ts": `// ${notice}\n\n${plainSchema(schema)}`,
  "src/config/generated/definitions.ts": `// ${notice}\n\n${definitionTables(schema)}`,
  "docs/config-reference.md": `<!-- ${notice} -->\n\n${referencePage(schema)}`,
};
for (const [path, content] of Object.entries(generated)) {
  if ((await read(path).catch(() => undefined)) === content) continue;
  if (process.argv.includes("--check")) {
    console.error(`${path} is stale: run npm run generate`);
    process.exitCode = 1;
  } else {
    await writeFile(join(root, path), content);
    console.log(`wrote ${path}`);
  }
}

async function types() {
  const source = await compile(forTypes(), "Config", {
    bannerComment: "",
    unreachableDefinitions: true,
    additionalProperties: false,
    style: { printWidth: 110 },
  });
  // The generator says of each definition where it is used, which a reader of the types does not need.
  const text = source
    .replaceAll(
      /( \*\n)? \* This interface was referenced by [^\n]*\n( \* via the `definition` "[^"]*"\.\n)?/g,
      "",
    )
    .replaceAll(/\n \*\n \* via the `definition` "[^"]*"\.\n/g, "\n");
  const handWritten = await read("src/config/exclusive-types.ts");
  const names = [...handWritten.matchAll(/^export (?:type|interface) (\w+)/gm)]
    .map(([, name]) => name)
    .filter((name) => new RegExp(`\\b${name}\\b`).test(text.replaceAll(/\/\*[\s\S]*?\*\//g, "")));
  return `import type { ${names.sort().join(", ")} } from "../exclusive-types.js";\n\n${text}`;
}

/**
 * The schema without what has no type. A `$ref` with a description beside it would become a second copy of the type, so
 * it becomes the name of the type where the target has one.
 */
function forTypes() {
  const untyped = ["if", "then", "else", "allOf", "not", "dependentSchemas", "propertyNames"];
  const values = ["default", "examples", "enum", "required"];
  const visit = (node) => {
    if (Array.isArray(node)) return node.map(visit);
    if (typeof node !== "object" || node === null) return node;
    const { $ref, ...inner } = Object.fromEntries(
      Object.entries(node)
        .filter(([name]) => !untyped.includes(name))
        .map(([name, value]) => [name, values.includes(name) ? value : visit(value)]),
    );
    if ($ref === undefined) return inner;
    const target = schema.$defs[$ref.slice("#/$defs/".length)];
    const tsType = inner.tsType ?? target.tsType ?? (target.type === "object" ? target.title : undefined);
    if (tsType !== undefined) return { description: inner.description ?? target.description, tsType };
    return { ...visit(target), title: undefined, ...inner };
  };
  const { $defs, ...top } = visit(schema);
  const objects = Object.entries($defs).filter(([, { type, tsType }]) => type === "object" && !tsType);
  return { ...top, $defs: Object.fromEntries(objects) };
}

async function validator() {
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
  // The schema uses no keyword that needs these.
  ajv.opts.unevaluated = false;
  ajv.addVocabulary(["confine", "errorMessage", "patternErrorMessage"]);
  const code = standalone.default(ajv, ajv.compile(withNamesInPlace(withoutNotes(schema))));
  const { outputFiles } = await build({
    stdin: { contents: withFastErrors(code), resolveDir: root, loader: "js" },
    // Paths of modules show in the result, which must not depend on where it is made.
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
  return outputFiles[0].text;
}

/** ajv tells which name is wrong only where the rule for names is not behind a `$ref`. */
function withNamesInPlace(node) {
  const inPlace = (key, value) =>
    key === "propertyNames" ? (schema.$defs[value.$ref?.slice(8)] ?? value) : value;
  return JSON.parse(JSON.stringify(node, inPlace));
}

/**
 * ajv copies all errors found so far for each part of the config that has one; with thousands of mistakes that takes
 * minutes. The rest makes the code smaller: nothing reads what it leaves out.
 */
function withFastErrors(code) {
  const slow = /vErrors === null \? (\w+)\.errors : vErrors\.concat\(\1\.errors\)/g;
  if (!slow.test(code)) throw new Error("ajv collects errors in another way now: see withFastErrors().");
  const smaller = (json) =>
    JSON.stringify(JSON.parse(json), (key, value) => (key === "$defs" ? undefined : value));
  return code
    .replace(slow, "append(vErrors, $1.errors)")
    .replace(/,schemaPath:".*?"(?=,keyword:)/g, "")
    .replace(
      /, ?(?:parentData|parentDataProperty|rootData|dynamicAnchors)(?:[:=](?:\{\}|[^,{}]+))?(?=[,}])/g,
      "",
    )
    .replace(/,schema:.*(?=,parentSchema:)/g, "")
    .replace(/(?<=^const schema\d+ = )\{.*\}(?=;$)/gm, smaller)
    .concat(
      "function append(all, more) { if (all === null) return more; for (const one of more) all.push(one); return all; }",
    );
}
