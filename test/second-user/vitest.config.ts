import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { hangLimit } from "../support/hang-limit.js";

/** What one user can do to another, which takes root to try. */
export default defineConfig({
  test: {
    name: "second-user",
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/second-user/**/*.test.ts"],
    // They change the user of their process for a while.
    fileParallelism: false,
    testTimeout: hangLimit,
    hookTimeout: hangLimit,
    expect: { poll: { timeout: hangLimit } },
    restoreMocks: true,
    globalSetup: ["test/support/build-before-tests.mjs"],
  },
});
