// `npm run check:tools [SCRIPT…]`: runs these scripts of package.json, as many at a time as there are processors. Prints
// what a failed one said, and in the end `N passed, N failed`.
import { availableParallelism } from "node:os";
import { inParallel, runScript, secondsSince } from "./run.mjs";

const needDist = ["check:surface", "check:publint", "check:attw"];
const scripts = [
  "build",
  "typecheck",
  "lint",
  "check:unused",
  "check:generated",
  "check:imports",
  "check:files",
  ...needDist,
];
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !scripts.includes(name));
if (unknown.length > 0) {
  console.error(`check:tools does not run ${unknown.join(", ")}. It runs ${scripts.join(", ")}.`);
  process.exit(2);
}

let built;
const chosen = scripts.filter((name) => wanted.length === 0 || wanted.includes(name));
const results = await inParallel(chosen, availableParallelism(), async (name) => {
  const noDist = needDist.includes(name) && (await built)?.code > 0;
  const started = performance.now();
  const running = noDist ? { code: 1, output: "The build failed." } : runScript(name);
  if (name === "build") built = running;
  const { code, output } = await running;
  console.log(`${code === 0 ? "ok  " : "FAIL"}  ${name.padEnd(15)} ${secondsSince(started).padStart(7)}`);
  if (code !== 0) console.log(output.trimEnd().replace(/^/gm, "      | "));
  return code === 0;
});
const passed = results.filter(Boolean).length;
console.log(`${passed} passed, ${results.length - passed} failed`);
process.exitCode = passed === results.length ? 0 : 1;
