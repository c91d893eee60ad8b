// `npm run fuzz [-- CASES] [--seed S] [--path P] [--only NAME]`: every property with so many cases in all, a million if
// nothing is said, and texts as long as are ever read. Prints the seed, with which the same cases come again; what fails is
// shown as small as it could be made, with the path that leads to it. The last line is `N passed, N failed`.
import { randomInt } from "node:crypto";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { startVitest } from "vitest/node";
import { readOptions } from "../support/read-options.mjs";

/** What `property(…)` was called for when this was written. */
const fewestProperties = 38;
/** Tests of another kind: long texts that must take time in proportion. */
const fewestTexts = 120;

const { values, positionals, refuse } = readOptions(
  "npm run fuzz -- [CASES] [--seed N] [--path P] [--only NAME]",
  {
    allowPositionals: true,
    options: { seed: { type: "string" }, path: { type: "string" }, only: { type: "string" } },
  },
);
const cases = wholeNumber(positionals[0] ?? "1000000");
const seed = wholeNumber(values.seed ?? String(randomInt(2 ** 31)));
const started = performance.now();

process.chdir(fileURLToPath(new URL("../..", import.meta.url)));
Object.assign(process.env, {
  FUZZ_RUNS: String(Math.ceil(cases / fewestProperties)),
  FUZZ_SEED: String(seed),
  ...(values.path !== undefined && { FUZZ_PATH: values.path }),
});
console.log(`seed ${seed}`);

const unhandled = [];
const vitest = await startVitest("test", [], {
  project: ["fuzz"],
  watch: false,
  reporters: [{ onTestRunEnd: (_modules, errors) => unhandled.push(...errors) }],
  ...(values.only !== undefined && { testNamePattern: values.only }),
});
const modules = vitest.state.getTestModules();
await vitest.close();

const failures = unhandled.map((error) => ["outside of the tests", error]);
let passed = 0;
let tried = 0;
let properties = 0;
for (const module of modules) {
  for (const error of module.errors()) failures.push([module.relativeModuleId, error]);
  for (const test of module.children.allTests()) {
    const { state, errors = [] } = test.result();
    if (state === "skipped") continue;
    const { cases: ofThis } = test.meta();
    if (ofThis !== undefined) properties += 1;
    tried += ofThis ?? 0;
    if (state === "passed") passed += 1;
    else failures.push([test.fullName, errors[0] ?? { message: `It was ${state}.` }]);
  }
}
const isWhole = values.only === undefined && values.path === undefined;
if (isWhole && properties < fewestProperties) {
  failures.push(["the run", { message: `There are ${properties} properties of ${fewestProperties}.` }]);
}
if (isWhole && passed + failures.length - properties < fewestTexts) {
  failures.push(["the run", { message: "There are fewer long texts than there were." }]);
}
for (const [name, error] of failures) console.log(`\nFAILED  ${name}\n${described(error)}`);

const seconds = ((performance.now() - started) / 1_000).toFixed(1);
console.log(`\n${tried.toLocaleString("en")} cases of ${properties} properties in ${seconds} s`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 && passed > 0 ? 0 : 1;

function described({ message = "", cause }) {
  const lines = [message, cause?.message, cause?.diff].filter(Boolean).join("\n").split("\n");
  return stripVTControlCharacters(
    lines
      .map((line) => line.slice(0, 4_000))
      .slice(0, 60)
      .join("\n"),
  );
}

function wholeNumber(text) {
  const number = Number(text);
  return Number.isSafeInteger(number) && number >= 0 ? number : refuse();
}
