// Stands in for Vitest, whose compiler does not run under Wine: its runner and its assertions, for one test file.
import {
  ChaiStyleAssertions,
  chai,
  GLOBAL_EXPECT,
  JestAsymmetricMatchers,
  JestChaiExpect,
  JestExtend,
} from "@vitest/expect";
import * as spy from "@vitest/spy";

// biome-ignore lint/performance/noBarrelFile: it stands in for a module that has these names.
export {
  afterAll,
  afterEach,
  beforeAll,
  beforeEach,
  describe,
  it,
  onTestFinished,
  suite,
  test,
} from "@vitest/runner";

for (const plugin of [JestExtend, JestChaiExpect, ChaiStyleAssertions, JestAsymmetricMatchers])
  chai.use(plugin);
export const { expect } = chai;
globalThis[GLOBAL_EXPECT] = expect;

/** Repeats an assertion until it holds. */
expect.poll = (read) =>
  new Proxy(
    {},
    {
      get:
        (_, name) =>
        async (...wanted) => {
          const end = Date.now() + 60_000;
          while (true) {
            try {
              return expect(await read())[name](...wanted);
            } catch (error) {
              if (Date.now() > end) throw error;
              await new Promise((resolve) => setTimeout(resolve, 50));
            }
          }
        },
    },
  );

/** Restores what a test has replaced. */
const restorers = [];
export function restoreGlobals() {
  for (const restore of restorers.splice(0).reverse()) restore();
}

export const vi = {
  ...spy,
  stubGlobal(name, value) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: true });
    restorers.push(() => Object.defineProperty(globalThis, name, before));
  },
  unstubAllGlobals: restoreGlobals,
  stubEnv(name, value) {
    const before = process.env[name];
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
    restorers.push(() => {
      if (before === undefined) delete process.env[name];
      else process.env[name] = before;
    });
  },
};
