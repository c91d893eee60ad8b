// `npm run test:model [-- STEPS] [--seed S] [--path P]` runs random histories of refused tokens with this many steps in
// all, by default a million. Prints the seed, which repeats the same histories, and the worst figures.
import { randomInt } from "node:crypto";
import { fileURLToPath } from "node:url";
import { startVitest } from "vitest/node";
import { readOptions } from "../../../support/read-options.mjs";

const { values, positionals, refuse } = readOptions("npm run test:model -- [STEPS] [--seed N] [--path P]", {
  allowPositionals: true,
  options: { seed: { type: "string" }, path: { type: "string" } },
});

process.chdir(fileURLToPath(new URL("../../../..", import.meta.url)));
Object.assign(process.env, {
  MODEL_STEPS: String(wholeNumber(positionals[0] ?? "1000000")),
  MODEL_SEED: String(wholeNumber(values.seed ?? String(randomInt(2 ** 31)))),
  ...(values.path !== undefined && { MODEL_PATH: values.path }),
});

const vitest = await startVitest("test", ["test/unit/tokens/refusals-model.test.ts"], {
  project: ["unit"],
  watch: false,
  disableConsoleIntercept: true,
});
await vitest.close();

function wholeNumber(text) {
  const number = Number(text);
  return Number.isSafeInteger(number) && number >= 0 ? number : refuse();
}
