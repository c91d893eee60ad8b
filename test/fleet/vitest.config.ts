import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** With a real redis-server, which `npm test` must not need. */
export default defineConfig({
  test: {
    name: "fleet",
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/fleet/**/*.test.ts"],
    // Each of them has the machine to itself.
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 30_000 } },
    globalSetup: ["scripts/build-before-tests.mjs"],
  },
});
