// `npm run check:tools`: runs these scripts of package.json, as many at a time as there are processors. Prints the
// output of each script that fails. The last line is `N passed, N failed`.
import { availableParallelism } from "node:os";
import { inParallel, runScript, secondsSince } from "./run.mjs";

const checks = "build typecheck lint check:unused check:generated check:imports check:files".split(" ");
const checksOfDist = "check:surface check:publint check:attw".split(" ");
let built;
const results = await inParallel([...checks, ...checksOfDist], availableParallelism(), async (name) => {
  const lacksDist = checksOfDist.includes(name) && (await built).code > 0;
  const started = performance.now();
  const running = lacksDist ? { code: 1, output: "The build failed." } : runScript(name);
  built ??= running;
  const { code, output } = await running;
  console.log(`${code === 0 ? "ok  " : "FAIL"}  ${name.padEnd(15)} ${secondsSince(started).padStart(7)}`);
  if (code !== 0) console.log(output.trimEnd().replace(/^/gm, "      | "));
  return code === 0;
});
const passed = results.filter(Boolean).length;
console.log(`${passed} passed, ${results.length - passed} failed`);
process.exitCode = passed === results.length ? 0 : 1;
