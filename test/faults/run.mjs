// `npm run test:faults [-- --check] [-- FILE…]`: runs all rows side by side, prints the table and writes it to
// docs/faults.md; with `--check` it compares instead. With files it runs those alone and writes nothing. The last line is
// `N passed, N failed`.
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { startVitest } from "vitest/node";
import { inOrder, knownGroups, page, table } from "./faults-page.mjs";

// As many as there were when this was written; README says over three hundred.
const fewestRows = 355;
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
const failures = unhandled.map((error) => ["outside of the rows", error]);
for (const module of modules.sort((a, b) => (a.moduleId < b.moduleId ? -1 : 1))) {
  for (const error of module.errors()) failures.push([module.relativeModuleId, error]);
  for (const row of module.children.allTests()) {
    const { state, errors = [] } = row.result();
    const { line } = row.meta();
    if (state !== "passed") failures.push([row.fullName, errors[0] ?? { message: `It was ${state}.` }]);
    else if (line === undefined) failures.push([row.fullName, { message: "It has no line in the table." }]);
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

/** What is wrong with the table as a whole. */
async function problems() {
  const found = [];
  const names = lines.map(({ group, name }) => `${group}: ${name}`);
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  if (twice.length > 0) found.push(`Rows share a name: ${twice.join("; ")}.`);
  const strange = lines.filter(({ group }) => !knownGroups.includes(group));
  if (strange.length > 0) found.push(`The page knows no group ${strange[0].group}.`);
  if (files.length > 0) return found;
  if (lines.length < fewestRows) found.push(`${lines.length} rows passed; there must be ${fewestRows}.`);
  if (failures.length > 0 || found.length > 0) return found;
  const written = page(inOrder(lines));
  if (!check) await writeFile(path, written);
  else if ((await readFile(path, "utf8").catch(() => "")) !== written) {
    found.push(
      "docs/faults.md is not what came out. Run `npm run test:faults`, and look at what has changed.",
    );
  }
  return found;
}

function described({ message = "", stack = "", diff }) {
  const places = stack.split("\n").filter((line) => /test\/faults\/|src\//.test(line));
  const text = [message, diff, ...places.slice(0, 4)].filter(Boolean).join("\n");
  return stripVTControlCharacters(text).split("\n").slice(0, 30).join("\n");
}
