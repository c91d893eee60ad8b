// `npm run test:second-user`: what one user of a machine can do to another. Needs root, to be both of them; the last line is
// `N passed, N failed`.
import { fileURLToPath } from "node:url";
import { startVitest } from "vitest/node";

if (process.geteuid?.() !== 0) {
  console.error(
    "These tests act as two users, which only root can do. Run them as root, in a container for example.",
  );
  console.log("0 passed, 1 failed");
  process.exit(1);
}

process.chdir(fileURLToPath(new URL("../../", import.meta.url)));
let unhandled = [];
const vitest = await startVitest("test", process.argv.slice(2), {
  config: fileURLToPath(new URL("vitest.config.ts", import.meta.url)),
  watch: false,
  reporters: [{ onTestRunEnd: (_modules, errors) => (unhandled = errors) }],
});
const modules = vitest.state.getTestModules();
await vitest.close();

let passed = 0;
const failures = unhandled.map((error) => ["outside of the tests", error.message]);
for (const module of modules) {
  for (const error of module.errors()) failures.push([module.relativeModuleId, error.message]);
  for (const test of module.children.allTests()) {
    const { state, errors = [] } = test.result();
    if (state === "passed") passed += 1;
    else failures.push([test.fullName, errors[0]?.message ?? `It was ${state}.`]);
  }
}
for (const [name, message] of failures) console.log(`\nFAILED  ${name}\n${message}`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exitCode = failures.length === 0 && passed > 0 ? 0 : 1;
