// A process of its own with a proxy, for the tests that measure it: `fork` it with a config, and send it what to do.
import { createMcpAuth } from "../../dist/index.js";
import { startProxy } from "../../dist/proxy.js";

const auth = await createMcpAuth({ config: JSON.parse(process.argv[2] ?? ""), env: { SECRET: "secret" } });
const proxy = await startProxy(auth);
const urls = Object.fromEntries(auth.servers.map((name) => [name, proxy.url(name)]));

process.on("message", async (message) => {
  if (message === "memory") {
    // A second collection takes what the first one has only made ready.
    for (let time = 0; time < 2; time += 1) global.gc?.();
    process.send?.(process.memoryUsage());
    return;
  }
  await proxy.stop();
  await auth.stop();
  process.disconnect();
});
process.send?.(urls);
