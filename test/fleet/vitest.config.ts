import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { hangLimit } from "../support/hang-limit.js";

/** Tests with a real redis-server, which `npm test` must not need. */
export default defineConfig({
  test: {
    name: "fleet",
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/fleet/**/*.test.ts"],
    // Each file has the machine to itself.
    fileParallelism: false,
    testTimeout: hangLimit,
    hookTimeout: hangLimit,
    expect: { poll: { timeout: hangLimit } },
    globalSetup: ["test/support/build-before-tests.mjs"],
  },
});
