// `npm run fuzz [-- CASES] [--seed S] [--path P] [--only NAME]` checks all properties with CASES cases in total, a
// million by default, and with texts of the greatest length that is ever read. It prints the seed, which repeats the
// same cases. A failing case is shrunk and printed with its path, which repeats it. The last line is `N passed, N
// failed`.
import { randomInt } from "node:crypto";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { startVitest } from "vitest/node";
import { readOptions } from "../support/read-options.mjs";

/** The run fails with fewer calls of `property(…)`, so that none is lost unnoticed. */
const minProperties = 50;
/** The run fails with fewer tests of long texts. */
const minTexts = 120;

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
  FUZZ_RUNS: String(Math.ceil(cases / minProperties)),
  FUZZ_SEED: String(seed),
  ...(values.path !== undefined && { FUZZ_PATH: values.path }),
});
console.log(`seed ${seed}`);

const unhandled = [];
const vitest = await startVitest("test", ["test/fuzz/"], {
  project: ["unit"],
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
    else failures.push([test.fullName, errors[0] ?? { message: `The test was ${state}.` }]);
  }
}
const isWhole = values.only === undefined && values.path === undefined;
if (isWhole && properties < minProperties) {
  failures.push([
    "the run",
    { message: `There are ${properties} properties. The minimum is ${minProperties}.` },
  ]);
}
if (isWhole && passed + failures.length - properties < minTexts) {
  failures.push(["the run", { message: `There are fewer than ${minTexts} tests of long texts.` }]);
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
