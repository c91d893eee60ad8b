// `npm run test:proxy`: the built proxy with hosts in Python and Go (Debian: python3, golang-go), and with a thousand
// streams at once. The last line is `N passed, N failed`.
import { createMcpAuth } from "../../dist/index.js";
import { startProxy } from "../../dist/proxy.js";
import { secondsSince } from "../../scripts/run.mjs";
import { languages, testLanguage } from "./clients.mjs";
import { startServers } from "./servers.mjs";
import { testStreams } from "./streams.mjs";

const servers = await startServers();
const auth = await createMcpAuth({ config: servers.config, env: { SECRET: "secret" } });
const proxy = await startProxy(auth);
const tests = Object.keys(languages).map((language) => [
  `a host in ${language}`,
  () => testLanguage(language, servers, proxy.url("tools")),
]);
tests.push([
  "a thousand event streams",
  async () =>
    console.log(`${Math.round((await testStreams(servers)) / 1_024)} KiB of memory for each stream`),
]);
let failed = 0;
for (const [name, test] of tests) {
  const started = performance.now();
  try {
    await test();
    console.log(`ok    ${name} (${secondsSince(started)})`);
  } catch (error) {
    failed += 1;
    console.log(`FAIL  ${name}\n${error.stack}`);
  }
}
await proxy.stop();
await auth.stop();
servers.close();
console.log(`${tests.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
