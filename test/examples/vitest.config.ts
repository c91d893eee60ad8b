import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { hangLimit } from "../support/hang-limit.js";

/** Tests of examples that need packages or programs which `npm test` must not need. */
export default defineConfig({
  test: {
    name: "examples",
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/examples/*.test.ts"],
    testTimeout: hangLimit,
    hookTimeout: hangLimit,
    expect: { poll: { timeout: hangLimit } },
    globalSetup: ["test/support/build-before-tests.mjs"],
  },
});
