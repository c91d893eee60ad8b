import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    name: "faults",
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/faults/**/*.test.ts"],
    // Rows wait more than they compute.
    maxConcurrency: 20,
    maxWorkers: "100%",
    testTimeout: 60_000,
    // Some rows are processes of their own, which use dist.
    globalSetup: ["scripts/build-before-tests.mjs"],
  },
});
