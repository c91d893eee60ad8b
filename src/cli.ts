#!/usr/bin/env -S node --
// Loaded on use, so that the command can say in one sentence that this Node is too old (lib/check-node.ts).
import("./cli/main.js").then(
  ({ main }) => main(),
  (error: unknown) => {
    if (!(error instanceof Error) || error.name !== "UnsupportedNodeError") throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 2;
  },
);
