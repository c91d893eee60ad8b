import fc from "fast-check";
import { test } from "vitest";
import { cpuSeconds, slowness } from "../support/cpu-seconds.js";
import { hangLimit } from "../support/hang-limit.js";
import { path, runs, seed } from "./settings.js";

declare module "vitest" {
  interface TaskMeta {
    /** How many cases a property was tried with. */
    cases?: number;
  }
}

/** CPU seconds. Nothing here takes longer than some milliseconds. */
const longestCase = 3 * slowness();
/** Milliseconds without a turn of the event loop, after which the test runner would think that we are gone. */
const longestTurn = 200;

type Arbitraries<Values extends unknown[]> = { [Index in keyof Values]: fc.Arbitrary<Values[Index]> };

/**
 * A test that something holds for every case. One that fails is shrunk and shown with the seed and the path to repeat
 * it: `npm run fuzz -- --seed S --path P --only "name"`. `examples` are tried before all others: those that failed once.
 */
export function property<Values extends [unknown, ...unknown[]]>(
  name: string,
  arbitraries: Arbitraries<Values>,
  holds: (...values: Values) => void | Promise<void>,
  examples: readonly Values[] = [],
): void {
  test(name, { timeout: hangLimit + runs * 20 }, async ({ task }) => {
    task.meta.cases = 0;
    let turn = performance.now();
    const checked = fc.asyncProperty(fc.tuple<Values>(...arbitraries), async (values) => {
      const started = cpuSeconds();
      await holds(...values);
      const took = cpuSeconds() - started;
      if (took > longestCase)
        throw new Error(`It took ${took.toFixed(1)} s, of ${longestCase.toFixed(1)} at the most.`);
      task.meta.cases = (task.meta.cases ?? 0) + 1;
      if (performance.now() - turn < longestTurn) return;
      await new Promise((resolve) => setImmediate(resolve));
      turn = performance.now();
    });
    const parameters = { numRuns: runs, seed, examples: examples.map((values): [Values] => [values]) };
    await fc.assert(checked, path === undefined ? parameters : { ...parameters, path });
  });
}
