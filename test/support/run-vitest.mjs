import { startVitest } from "vitest/node";

/**
 * Runs the tests of a vitest config once. Counts a skipped test as failed, because nobody would notice it otherwise.
 *
 * @param {string} config path of the config
 * @param {readonly string[]} files filters for test file names; if empty, all files run
 * @returns {Promise<{ passed: number, failures: (readonly [name: string, message: string])[] }>}
 */
export async function runVitest(config, files) {
  let unhandled = [];
  const vitest = await startVitest("test", [...files], {
    config,
    watch: false,
    reporters: [{ onTestRunEnd: (_modules, errors) => (unhandled = errors) }],
  });
  const modules = vitest.state.getTestModules();
  await vitest.close();

  let passed = 0;
  const failures = unhandled.map((error) => ["outside the tests", error.message]);
  for (const module of modules) {
    for (const error of module.errors()) failures.push([module.relativeModuleId, error.message]);
    for (const test of module.children.allTests()) {
      const { state, errors = [] } = test.result();
      if (state === "passed") passed += 1;
      else failures.push([test.fullName, errors[0]?.message ?? `The test was ${state}.`]);
    }
  }
  return { passed, failures };
}
