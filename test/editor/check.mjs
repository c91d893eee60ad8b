import { inspect } from "node:util";

export const tally = { passed: 0, failed: 0 };

export async function check(title, test) {
  try {
    await test();
    tally.passed += 1;
    console.log(`ok      ${title}`);
  } catch (error) {
    tally.failed += 1;
    console.log(`FAILED  ${title}\n${inspect(error)}`);
  }
}
