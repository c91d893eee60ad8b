// `npm run check:imports`: checks that imports flow one way, as the table in ARCHITECTURE.md says. dependency-cruiser
// silently skips what it cannot parse, so a plain text search checks that it has found every import.
import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { transform } from "esbuild";
import { typesOnly } from "../.dependency-cruiser.mjs";
import { run } from "./run.mjs";

const problems = [];
const options = ["src", "--config", ".dependency-cruiser.mjs", "--output-type", "json"];
const { stdout, output } = await run("node_modules/.bin/depcruise", options);
if (!stdout.startsWith("{")) throw new Error(`dependency-cruiser returned no result\n${output}`);
const { modules, summary } = JSON.parse(stdout);
for (const { rule, from, to } of summary.violations) problems.push(`${rule.name}: ${from} -> ${to}`);

const names = await readdir("src", { recursive: true });
for (const name of names.filter((each) => /(?<![.]d)[.]ts$/.test(each))) {
  const file = join("src", name).split(sep).join("/");
  const seen = modules.find(({ source }) => source === file)?.dependencies ?? [];
  const text = (await readFile(file, "utf8")).replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
  for (const [, specifier] of text.matchAll(/\b(?:from|import)\b\s*\(?\s*["'`]([.][^"'`]*)["'`]/g)) {
    if (!seen.some(({ module }) => module === specifier))
      problems.push(`not seen by dependency-cruiser: ${file} -> ${specifier}`);
  }
  // The name of an optional package is in a variable, so that bundlers do not look for it.
  if (/\bimport\(\s*(?!optionalPackage\b)[^"'`\s)]/.test(text))
    problems.push(`${file} imports something that only shows at run time.`);
}
for (const file of typesOnly) {
  const { code } = await transform(await readFile(file, "utf8"), { loader: "ts", format: "esm" });
  if (code.trim() !== "")
    problems.push(`${file} may be imported from everywhere, so it must contain only types.`);
}

for (const problem of problems) console.error(problem);
process.exitCode = problems.length === 0 ? 0 : 1;
