// `npm run test:faults [-- --check] [-- FILE…]`: runs all rows concurrently, prints the table and writes
// docs/faults.md; with `--check` it compares the page instead. With files it runs only these and writes nothing. The
// last line is `N passed, N failed`.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { startVitest } from "vitest/node";
import { inOrder, knownGroups, page, table } from "./faults-page.mjs";

// A lower number means that rows were lost. The README says more than three hundred.
const minimumRows = 355;
const root = new URL("../../", import.meta.url);
const path = new URL("docs/faults.md", root);
const args = process.argv.slice(2);
const check = args.includes("--check");
const files = args.filter((arg) => !arg.startsWith("--"));
const started = performance.now();

let unhandled = [];
process.chdir(fileURLToPath(root));
const vitest = await startVitest("test", files, {
  config: fileURLToPath(new URL("vitest.config.ts", import.meta.url)),
  watch: false,
  reporters: [{ onTestRunEnd: (_modules, errors) => (unhandled = errors) }],
});
const modules = vitest.state.getTestModules();
await vitest.close();

const lines = [];
const failures = unhandled.map((error) => ["outside the rows", error]);
for (const module of modules.sort((a, b) => (a.moduleId < b.moduleId ? -1 : 1))) {
  for (const error of module.errors()) failures.push([module.relativeModuleId, error]);
  for (const row of module.children.allTests()) {
    const { state, errors = [] } = row.result();
    const { line } = row.meta();
    if (state !== "passed") failures.push([row.fullName, errors[0] ?? { message: `The row was ${state}.` }]);
    else if (line === undefined)
      failures.push([row.fullName, { message: "The row has no line in the table." }]);
    else lines.push(line);
  }
}
const passed = lines.length;
for (const problem of await problems()) failures.push(["the table", { message: problem }]);

console.log(table(inOrder(lines)));
for (const [name, error] of failures) console.log(`\nFAILED  ${name}\n${described(error)}`);
console.log(`\n${((performance.now() - started) / 1_000).toFixed(1)} s`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 ? 0 : 1;

/** Returns the problems of the table as a whole. */
async function problems() {
  const found = [];
  const names = lines.map(({ group, name }) => `${group}: ${name}`);
  const duplicates = names.filter((name, index) => names.indexOf(name) !== index);
  if (duplicates.length > 0) found.push(`Several rows have the same name: ${duplicates.join("; ")}.`);
  const unknown = lines.filter(({ group }) => !knownGroups.includes(group));
  if (unknown.length > 0) found.push(`The page has no section for the group ${unknown[0].group}.`);
  if (files.length > 0) return found;
  if (lines.length < minimumRows)
    found.push(`${lines.length} rows passed instead of at least ${minimumRows}.`);
  if (failures.length > 0 || found.length > 0) return found;
  const written = page(inOrder(lines));
  if (!check) await writeFile(path, written);
  else if ((await readFile(path, "utf8").catch(() => "")) !== written) {
    found.push("docs/faults.md is out of date. Run `npm run test:faults` and review the changes.");
  }
  return found;
}

function described({ message = "", stack = "", diff }) {
  const places = stack.split("\n").filter((line) => /test\/faults\/|src\//.test(line));
  const text = [message, diff, ...places.slice(0, 4)].filter(Boolean).join("\n");
  return stripVTControlCharacters(text).split("\n").slice(0, 30).join("\n");
}
