import { expect, test } from "vitest";
import { run } from "../../../src/cli/main.js";

test("the command does not print the message of an internal error, even if it contains the word at", async () => {
  let err = "";
  await run(["validate", "--help"], {
    cwd: "/",
    env: {},
    color: false,
    signal: new AbortController().signal,
    out: () => {
      throw new Error("bad text CANARY at position 3");
    },
    err: (text) => {
      err += text;
    },
  });
  expect(err).not.toContain("CANARY");
});
