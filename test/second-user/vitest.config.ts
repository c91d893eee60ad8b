import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { hangLimit } from "../support/hang-limit.js";

/** Tests of what one user can do to another. They need root. */
export default defineConfig({
  test: {
    name: "second-user",
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/second-user/**/*.test.ts"],
    // The tests change the user of their process.
    fileParallelism: false,
    testTimeout: hangLimit,
    hookTimeout: hangLimit,
    expect: { poll: { timeout: hangLimit } },
    restoreMocks: true,
    globalSetup: ["test/support/build-before-tests.mjs"],
  },
});
