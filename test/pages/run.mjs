// Opens the status page of the proxy in Chromium: `npm run test:pages`. With `-- --update` it also takes the pictures for
// the documentation. The last line is `N passed, N failed`.
import { startBrowser } from "./browser.mjs";
import { tally } from "./check.mjs";
import { liveTests } from "./live.test.mjs";
import { pictures } from "./pictures.mjs";
import { stageTests } from "./stage.test.mjs";

const browser = await startBrowser();
console.log(`${await browser.version()} on Node ${process.version}`);
try {
  await pictures(browser, process.argv.includes("--update"));
  await stageTests(browser);
  await liveTests(browser);
} finally {
  await browser.close();
}
console.log(`${tally.passed} passed, ${tally.failed} failed`);
process.exitCode = tally.failed === 0 && tally.passed > 0 ? 0 : 1;
