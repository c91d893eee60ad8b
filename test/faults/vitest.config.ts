import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import { hangLimit } from "../support/hang-limit.js";

export default defineConfig({
  test: {
    name: "faults",
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["test/faults/**/*.test.ts"],
    // Rows wait more than they use the processor.
    maxConcurrency: 20,
    maxWorkers: "100%",
    testTimeout: hangLimit,
    hookTimeout: hangLimit,
    globalSetup: ["test/support/build-before-tests.mjs"],
    // The built package is tested. With the sources, each lazy import would wait for vitest's main process, which the
    // clock of a row cannot see.
    alias: [
      {
        find: /^.*\/src\/index\.js$/,
        replacement: fileURLToPath(new URL("../../dist/index.js", import.meta.url)),
      },
    ],
    server: { deps: { external: [/\/dist\//] } },
  },
});
