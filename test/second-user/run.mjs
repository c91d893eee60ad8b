// `npm run test:second-user`: tests of what one user of a machine can do to another. They act as both users, so they
// need root. The last line is `N passed, N failed`.
import { fileURLToPath } from "node:url";
import { runVitest } from "../support/run-vitest.mjs";

if (process.geteuid?.() !== 0) {
  console.error(
    "These tests act as two users, which only root can do. Run them as root, for example in a container.",
  );
  console.log("0 passed, 1 failed");
  process.exit(1);
}

process.chdir(fileURLToPath(new URL("../../", import.meta.url)));
const config = fileURLToPath(new URL("vitest.config.ts", import.meta.url));
const { passed, failures } = await runVitest(config, process.argv.slice(2));
for (const [name, message] of failures) console.log(`\nFAILED  ${name}\n${message}`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 && passed > 0 ? 0 : 1;
