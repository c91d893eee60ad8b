// Each change of the declarations that users see is a decision: they are compared with the files of this folder, which
// `npm run surface` writes. Comments, and where a declaration is in the sources, make no difference.
import { readFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { parseSync, printSync } from "@swc/core";
import { expect, it } from "vitest";

const root = join(import.meta.dirname, "../..");
const { name: packageName, exports } = JSON.parse(await readFile(join(root, "package.json"), "utf8"));
/** The names by which users import the entry points, by their declarations. */
const entries = new Map(
  Object.entries(exports)
    .filter(([, { types }]) => types !== undefined)
    .map(([name, { types }]) => [posix.normalize(types), posix.join(packageName, name)]),
);

it.each([...entries])("the declarations of %s are the agreed ones", async (path) => {
  const kept = `${posix.relative("dist", path).replaceAll("/", "-")}`;
  await expect(
    await rollUp(path),
    "If this change is meant, run npm run surface and commit the file",
  ).toMatchFileSnapshot(kept);
});

/** One file with all that an entry point exports, and the declarations that it refers to. */
async function rollUp(entry) {
  const modules = new Map();
  const declarations = new Map();
  const imports = new Set();
  const load = async (path) => {
    if (!modules.has(path)) modules.set(path, readModule(await readFile(join(root, path), "utf8"), path));
    return modules.get(path);
  };
  const show = async ({ from, name }) => {
    // What another entry point exports is in its own file.
    const source =
      from === entry ? undefined : (entries.get(from) ?? (from.startsWith("dist/") ? undefined : from));
    if (source !== undefined) return imports.add(`import { ${name} } from "${source}";\n`);
    const { declared, imported, exported } = await load(from);
    const nodes = declared.get(name);
    const elsewhere = imported.get(name) ?? exported.get(name);
    if (nodes === undefined) return elsewhere && show(elsewhere);
    if (declarations.has(`${name} ${from}`)) return;
    declarations.set(`${name} ${from}`, nodes.map(print).join(""));
    for (const reference of nodes.flatMap((node) => [...references(node, from)])) await show(reference);
  };
  const { exported } = await load(entry);
  for (const target of exported.values()) await show(target);
  const names = [...exported].map(([as, { name }]) => `  ${name === as ? name : `${name} as ${as}`},\n`);
  const texts = [...declarations.keys()].sort().map((key) => declarations.get(key));
  return [...imports]
    .sort()
    .concat(texts, `export {\n${names.sort().join("")}};\n`)
    .join("\n");
}

/** What a module declares, imports and exports, by name. */
function readModule(text, path) {
  const module = { declared: new Map(), imported: new Map(), exported: new Map() };
  for (const item of parseSync(text, { syntax: "typescript" }).body) {
    const from = item.source ? resolved(item.source.value, path) : path;
    for (const { type, local, imported, orig, exported } of item.specifiers ?? []) {
      const names = type === "ImportSpecifier" ? module.imported : module.exported;
      names.set((exported ?? local ?? orig).value, { from, name: (imported ?? orig ?? local).value });
    }
    const node = item.declaration ?? item;
    for (const { id, identifier } of [node, ...(node.declarations ?? [])]) {
      const name = (id ?? identifier)?.value;
      if (name === undefined) continue;
      module.declared.set(name, [...(module.declared.get(name) ?? []), node]);
      if (item.type === "ExportDeclaration") module.exported.set(name, { from, name });
    }
  }
  return module;
}

function resolved(specifier, path) {
  return specifier.startsWith(".")
    ? posix.join(dirname(path), specifier.replace(/[.]js$/, ".d.ts"))
    : specifier;
}

/** The names that a declaration may refer to, with the module that has them in scope. */
function* references(node, path) {
  if (typeof node !== "object" || node === null) return;
  if (node.type === "Identifier") yield { from: path, name: node.value };
  if (node.type === "TsImportType")
    yield { from: resolved(node.argument.value, path), name: node.qualifier.value };
  for (const inner of Object.values(node)) yield* references(inner, path);
}

/** A declaration without comments. Long unions have a line for each member. */
function print(node) {
  const { code } = printSync({ type: "Module", span: node.span, body: [node], interpreter: null });
  return code.replace(/^(?=.{140}).*/gm, (line) => line.replaceAll(" | ", "\n    | "));
}
