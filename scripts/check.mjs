// `npm run check [STEP…]`: every step, or those named, as many at a time as there are processors. Prints each with its
// seconds, what a failed one said, and in the end `N passed, N failed`.
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { inParallel, secondsSince } from "./run.mjs";
import { steps } from "./steps.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(
    `There is no step ${unknown.join(", ")}; there are ${steps.map(({ name }) => name).join(", ")}.`,
  );
  process.exit(2);
}

const chosen = wanted.length === 0 ? steps : steps.filter(({ name }) => wanted.includes(name));
let built;
const results = await inParallel(chosen, availableParallelism(), async (step) => {
  const noBuild = step.usesDist && (await built)?.code > 0;
  const started = performance.now();
  const running = noBuild ? { code: 1, output: "The build failed." } : step.check(root);
  if (step.name === "build") built = running;
  const { code, output } = await running;
  console.log(
    `${code === 0 ? "ok  " : "FAIL"}  ${step.name.padEnd(10)} ${secondsSince(started).padStart(7)}`,
  );
  if (code !== 0) console.log(excerpt(output));
  return code === 0;
});

const passed = results.filter(Boolean).length;
console.log(`${passed} passed, ${results.length - passed} failed`);
process.exitCode = passed === results.length ? 0 : 1;

/** What comes first says most, and the summary comes last. */
function excerpt(output) {
  const lines = output.trimEnd().split("\n");
  const shown =
    lines.length <= 90
      ? lines
      : [...lines.slice(0, 60), `… ${lines.length - 80} lines …`, ...lines.slice(-20)];
  return shown.map((line) => `      | ${line}`).join("\n");
}
