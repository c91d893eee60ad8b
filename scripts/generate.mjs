// `npm run generate` writes all files that are generated from the schema, into the schema what editors need, the manual page
// from the definitions of the commands, and the status page from its sources. With `--check` it writes nothing, and fails if a file is stale.
import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import Ajv from "ajv/dist/2020.js";
import { _ } from "ajv/dist/compile/codegen/index.js";
import standalone from "ajv/dist/standalone/index.js";
import { build } from "esbuild";
import { compile } from "json-schema-to-typescript";
import { compactValidator } from "./compact-validator.mjs";
import { forEditors, forPrograms } from "./editor-schema.js";
import { manualPages } from "./manual-page.mjs";
import { referencePage } from "./reference-page.mjs";
import { definitionsOf, definitionTables, plainSchema, targetOf, withoutNotes } from "./schema-data.mjs";
import { pageModule, statusPageModule } from "./status-page.mjs";

const root = join(import.meta.dirname, "..");
const notice = "Generated from schema/mcp-auth.schema.json by scripts/generate.mjs. Do not edit.";
const read = (path) => readFile(join(root, path), "utf8");

const schemaPath = "schema/mcp-auth.schema.json";
const written = JSON.parse(await read(schemaPath));
const complete = forEditors(written);
const schema = forPrograms(complete);
// Compared as data: the formatter decides how the file looks.
if (JSON.stringify(complete) !== JSON.stringify(written))
  await replace(schemaPath, JSON.stringify(complete, null, 2));
const generated = {
  "src/config/generated/types.ts": `// ${notice}\n\n${await types()}`,
  "src/config/generated/validate.js": `// ${notice}\n${await validator()}`,
  "src/config/generated/plain-schema.ts": `// ${notice}\n\n${plainSchema(schema)}`,
  "src/config/generated/definitions.ts": `// ${notice}\n\n${definitionTables(schema)}`,
  "docs/config-reference.md": `<!-- ${notice} -->\n\n${referencePage(schema)}`,
  [pageModule]: await statusPageModule(root),
  ...(await manualPages(root)),
};
for (const [path, content] of Object.entries(generated)) {
  if ((await read(path).catch(() => undefined)) !== content) await replace(path, content);
}

async function replace(path, content) {
  if (process.argv.includes("--check")) {
    console.error(`${path} is stale: run npm run generate`);
    process.exitCode = 1;
    return;
  }
  await mkdir(dirname(join(root, path)), { recursive: true });
  await writeFile(join(root, path), content);
  if (path === schemaPath) format(path);
  console.log(`wrote ${path}`);
}

function format(path) {
  const biome = join(root, "node_modules/@biomejs/biome/bin/biome");
  execFileSync(process.execPath, [biome, "format", "--write", path], { cwd: root, stdio: "pipe" });
}

async function types() {
  const source = await compile(forTypes(), "Config", {
    bannerComment: "",
    unreachableDefinitions: true,
    additionalProperties: false,
    style: { printWidth: 110 },
  });
  // For each definition, the generator lists where it is used. A reader of the types does not need that.
  const text = source.replaceAll(
    /( \*\n)?( \* (This interface was referenced by|via the `definition`) .*\n)+/g,
    "",
  );
  const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "");
  const exclusive = (await read("src/config/exclusive-types.ts")).matchAll(
    /^export (?:type|interface) (\w+)/gm,
  );
  const names = [...exclusive]
    .map(([, name]) => name)
    .filter((name) => new RegExp(`\\b${name}\\b`).test(code));
  return `import type { ${names.sort().join(", ")} } from "../exclusive-types.js";\n\n${text}`;
}

/**
 * Returns the schema without the keywords that have no type. A `$ref` with a description beside it would become a
 * second copy of the type, so it becomes the name of the type if the target has one.
 */
function forTypes() {
  const untyped = ["if", "then", "else", "allOf", "not", "dependentSchemas", "propertyNames"];
  const values = ["default", "examples", "enum", "required"];
  const visit = (node) => {
    if (Array.isArray(node)) return node.map(visit);
    if (typeof node !== "object" || node === null) return node;
    const typed = Object.entries(node).filter(([name]) => !untyped.includes(name));
    const { $ref, ...inner } = Object.fromEntries(
      typed.map(([name, value]) => [name, values.includes(name) ? value : visit(value)]),
    );
    if ($ref === undefined) return inner;
    const target = targetOf(schema, node);
    const tsType = inner.tsType ?? target.tsType ?? (target.type === "object" ? target.title : undefined);
    if (tsType !== undefined) return { description: inner.description ?? target.description, tsType };
    return { ...visit(target), title: undefined, ...inner };
  };
  const { $defs, ...top } = visit(schema);
  const objects = Object.entries($defs).filter(([, { type, tsType }]) => type === "object" && !tsType);
  return { ...top, $defs: Object.fromEntries(objects) };
}

/** Returns the schema with the conditions, which cause no errors of their own, as values of one keyword. */
function withConditions(node) {
  if (typeof node !== "object" || node === null) return node;
  if (Array.isArray(node)) return node.map(withConditions);
  const isCondition = (name, value) => name === "if" || (name === "not" && Object.keys(value).length > 0);
  return Object.fromEntries(
    Object.entries(node).map(([name, value]) => [
      name,
      isCondition(name, value) ? { condition: value } : withConditions(value),
    ]),
  );
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
  // The schema uses no keyword that needs this.
  ajv.opts.unevaluated = false;
  ajv.addVocabulary(["confine", "errorMessage", "patternErrorMessage"]);
  // ajv reports which name is wrong only if the rule for names is not behind a `$ref`.
  const inPlace = (key, value) => (key === "propertyNames" && value.$ref ? targetOf(schema, value) : value);
  // What ajv makes of a condition has three times the size of the condition itself.
  ajv.addKeyword({
    keyword: "condition",
    error: { message: "" },
    code: (context) => context.fail(_`!fits(${context.data}, ${context.schema}, {})`),
  });
  const whole = withoutNotes(JSON.parse(JSON.stringify(schema, inPlace)));
  const validate = ajv.compile(withConditions(whole));
  const contents = compactValidator(standalone.default(ajv, validate), definitionsOf(schema));
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: root, loader: "js" },
    // Paths of modules show in the result, which must not depend on where it is made.
    absWorkingDir: root,
    preserveSymlinks: true,
    bundle: true,
    packages: "external",
    external: ["../fits-schema.js", "../json.js", "../validator-errors.js"],
    format: "esm",
    platform: "node",
    charset: "utf8",
    minify: true,
    write: false,
  });
  return outputFiles[0].text;
}
