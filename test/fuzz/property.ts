import fc from "fast-check";
import { test } from "vitest";
import { cpuSeconds, slowness } from "../support/cpu-seconds.js";
import { hangLimit } from "../support/hang-limit.js";
import { path, seed, runs as usualRuns } from "./settings.js";

declare module "vitest" {
  interface TaskMeta {
    /** The number of cases that a property was checked with. */
    cases?: number;
  }
}

/** CPU seconds. A case normally takes a few milliseconds. */
const maxCaseTime = 3 * slowness();
/** Milliseconds between turns of the event loop. If a worker is busy for long, the test runner considers it lost. */
const maxTurnTime = 200;

type Arbitraries<Values extends unknown[]> = { [Index in keyof Values]: fc.Arbitrary<Values[Index]> };

/**
 * Defines a test that a property holds for every generated case. A failing case is shrunk, and printed with the seed
 * and the path that repeat it: `npm run fuzz -- --seed S --path P --only "name"`. `examples` are cases that failed
 * before, and are checked first. `cost` says how many times as long a case takes as a usual one: there are so many
 * times fewer.
 */
export function property<Values extends [unknown, ...unknown[]]>(
  name: string,
  arbitraries: Arbitraries<Values>,
  holds: (...values: Values) => void | Promise<void>,
  { examples = [], cost = 1 }: { readonly examples?: readonly Values[]; readonly cost?: number } = {},
): void {
  const runs = Math.ceil(usualRuns / cost);
  test(name, { timeout: hangLimit + runs * 20 }, async ({ task }) => {
    task.meta.cases = 0;
    let turn = performance.now();
    const checked = fc.asyncProperty(fc.tuple<Values>(...arbitraries), async (values) => {
      const started = cpuSeconds();
      await holds(...values);
      const took = cpuSeconds() - started;
      if (took > maxCaseTime)
        throw new Error(`The case took ${took.toFixed(1)} s. The limit is ${maxCaseTime.toFixed(1)} s.`);
      task.meta.cases = (task.meta.cases ?? 0) + 1;
      if (performance.now() - turn < maxTurnTime) return;
      await new Promise((resolve) => setImmediate(resolve));
      turn = performance.now();
    });
    const parameters = { numRuns: runs, seed, examples: examples.map((values): [Values] => [values]) };
    await fc.assert(checked, path === undefined ? parameters : { ...parameters, path });
  });
}
