// Opens configs as VS Code does and asserts what a person sees: `npm run test:editor`. The last line is
// `N passed, N failed`.
import "./test-messages.mjs";
import "./test-suggestions.mjs";
import { tally } from "./check.mjs";

console.log(`on Node ${process.version}`);
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 && tally.passed > 0 ? 0 : 1;
