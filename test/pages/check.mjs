import assert from "node:assert/strict";

export const tally = { passed: 0, failed: 0 };

/** Runs one test, and prints whether it passed. */
export async function test(title, run) {
  try {
    await run(assert);
    tally.passed += 1;
    console.log(`ok    ${title}`);
  } catch (error) {
    tally.failed += 1;
    console.log(`FAIL  ${title}\n${String(error.stack ?? error).replaceAll(/^/gm, "      | ")}`);
  }
}
