import { configDefaults, defineConfig } from "vitest/config";
import { hangLimit } from "./test/support/hang-limit.js";

// Set where the tests run on another Node than the one in PATH, to be sure that they do.
const expected = process.env["EXPECTED_NODE"];
if (expected !== undefined && !process.version.startsWith(`v${expected}.`)) {
  throw new Error(`This is Node ${process.version}, and EXPECTED_NODE is ${expected}.`);
}

// The tests open no connection beyond this machine. Each process would read the machine's authorities all the same, and
// each store would compare them with Node's own.
delete process.env["NODE_EXTRA_CA_CERTS"];

const forgetCredentials = "test/support/forget-credentials.ts";
const skipRoots = "test/support/skip-bundled-roots.ts";
const setupFiles = [skipRoots, "test/support/load-sources.ts", forgetCredentials];

// Files that replace modules with `vi.mock()`. Where another file has loaded the sources, that would have no effect.
const isolated = "test/**/*.isolated.test.ts";
// The others leave nothing behind them, so that each worker loads the sources once.
const shared = { isolate: false, exclude: [...configDefaults.exclude, isolated] };

const recordTls = "test/support/tls-recorder/setup.mjs";
const wholeProgram = {
  // Some of these run the command, the demo or the README's code, all of which use dist.
  globalSetup: ["test/support/build-before-tests.mjs", "test/support/tls-recorder/global-setup.mjs"],
  setupFiles: [...setupFiles, recordTls],
};

export default defineConfig({
  test: {
    // By itself it would leave one processor idle, of two.
    maxWorkers: "100%",
    testTimeout: hangLimit,
    hookTimeout: hangLimit,
    expect: { poll: { timeout: hangLimit } },
    restoreMocks: true,
    unstubEnvs: true,
    projects: [
      // One project, because each one transforms the sources and loads them in its own workers, which takes seconds.
      {
        extends: true,
        test: { ...shared, name: "unit", include: ["test/{unit,fuzz,peers}/**/*.test.ts"], setupFiles },
      },
      { extends: true, test: { name: "scripts", include: ["test/scripts/*.test.mjs"] } },
      {
        extends: true,
        test: {
          name: "surface",
          include: ["test/surface/*.test.mjs"],
          globalSetup: ["test/support/build-before-tests.mjs"],
        },
      },
      {
        extends: true,
        test: {
          ...wholeProgram,
          ...shared,
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
        },
      },
      {
        extends: true,
        test: {
          ...wholeProgram,
          name: "isolated",
          include: [isolated],
          setupFiles: [skipRoots, forgetCredentials, recordTls],
        },
      },
      // Not part of `npm test`: each of these tests starts programs.
      {
        extends: true,
        test: { ...wholeProgram, ...shared, name: "processes", include: ["test/processes/*.test.ts"] },
      },
    ],
  },
});
