// Runs one test file, and writes what failed: `node run-file.mjs FILE REPORT`. Runs on Windows, or under Wine.
import { writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { startTests } from "@vitest/runner";
import { restoreGlobals } from "vitest";
import "./without-probes.mjs";

const [, , file, report] = process.argv;
/** Milliseconds. Ends a test that hangs. */
const limit = 120_000;
const sequence = { shuffle: false, concurrent: false, seed: 1, hooks: "stack", setupFiles: "list" };
const runner = {
  config: {
    ...{
      root: process.cwd(),
      name: "wine",
      setupFiles: [],
      sequence,
      testTimeout: limit,
      hookTimeout: limit,
      retry: 0,
    },
    ...{
      maxConcurrency: 5,
      allowOnly: false,
      passWithNoTests: false,
      includeTaskLocation: false,
      chaiConfig: {},
    },
    ...{ tags: [], tagsFilter: undefined, strictTags: false, diffOptions: undefined },
  },
  pool: "forks",
  viteEnvironment: undefined,
  importFile: (path) => import(pathToFileURL(path).href),
  onAfterRunTask: restoreGlobals,
};
const files = await startTests([{ filepath: file, testLocations: undefined }], runner);
const results = [];
const visit = (task, above) => {
  const name = [...above, task.name].join(" > ");
  if (task.type === "test")
    results.push({ name, state: task.result?.state ?? task.mode, errors: task.result?.errors });
  else {
    if (task.result?.errors?.length) results.push({ name, state: "fail", errors: task.result.errors });
    for (const child of task.tasks) visit(child, task === files[0] ? [] : [...above, task.name]);
  }
};
for (const task of files) visit(task, []);
writeFileSync(
  report,
  JSON.stringify(
    results.map(({ errors, ...rest }) => ({
      ...rest,
      ...(errors && {
        error: `${errors[0]?.stack ?? errors[0]?.message}\nEXPECTED ${errors[0]?.expected}\nACTUAL ${errors[0]?.actual}`,
      }),
    })),
  ),
);
process.exit(0);
