// Imports flow one way, as the table in ARCHITECTURE.md says. dependency-cruiser passes over what it cannot parse
// without a word, so a plain search of the text must find no import that it did not find.
import { readdir, readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { transform } from "esbuild";
import { typesOnly } from "../.dependency-cruiser.mjs";
import { run } from "./run.mjs";

const problems = [];

const cruiser = join("node_modules", ".bin", "depcruise");
const cruised = await run(cruiser, ["src", "--config", ".dependency-cruiser.mjs", "--output-type", "json"]);
let modules = [];
try {
  const { summary, ...result } = JSON.parse(cruised.stdout);
  modules = result.modules;
  for (const { rule, from, to } of summary.violations) problems.push(`${rule.name}: ${from} -> ${to}`);
} catch {
  problems.push(`dependency-cruiser gave no result\n${cruised.output}`);
}

const seen = new Set(
  modules.flatMap(({ source, dependencies }) => dependencies.map(({ module }) => `${source} -> ${module}`)),
);
const written = await writtenImports();
for (const pair of written.pairs)
  if (!seen.has(pair)) problems.push(`not seen by dependency-cruiser: ${pair}`);
for (const file of written.files) {
  if (!modules.some(({ source }) => source === file))
    problems.push(`not seen by dependency-cruiser: ${file}`);
}
for (const file of typesOnly) {
  const { code } = await transform(await readFile(file, "utf8"), { loader: "ts", format: "esm" });
  if (code.trim() !== "")
    problems.push(`${file} may be imported from everywhere and so must hold types alone.`);
}

for (const problem of problems) console.error(problem);
console.log(`${written.files.length} files, ${seen.size} imports, of which ${written.dynamic} are dynamic`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function writtenImports() {
  const names = (await readdir("src", { recursive: true })).map((name) => name.split("\\").join("/"));
  const files = names.filter((name) => /(?<![.]d)[.]ts$/.test(name)).map((name) => posix.join("src", name));
  const pairs = [];
  let dynamic = 0;
  for (const file of files) {
    const text = (await readFile(file, "utf8")).replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
    for (const [, specifier] of text.matchAll(/\b(?:from|import)\s*"([.][^"]*)"/g)) {
      pairs.push(`${file} -> ${specifier}`);
    }
    for (const [, specifier] of text.matchAll(/\bimport\(\s*["'`]([.][^"'`]*)["'`]/g)) {
      pairs.push(`${file} -> ${specifier}`);
      dynamic += 1;
    }
    if (/\bimport\(\s*[^"'`\s)]/.test(text))
      problems.push(`${file} imports something that only shows at run time.`);
  }
  return { files, pairs, dynamic };
}
