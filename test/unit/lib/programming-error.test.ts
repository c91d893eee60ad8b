import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import { problemOf } from "../../../src/keys/signing-key.js";
import { isProgrammingError } from "../../../src/lib/programming-error.js";

/** Returns the error that `work` throws. */
function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

const missing: { readonly method?: () => void } = {};

test.each([
  // The mistake is on purpose.
  ["a call of something that is not a function", "ours", () => (missing as { method(): void }).method()],
  ["an invalid array length", "ours", () => [].concat(new Array(-1) as never)],
  ["a file that does not exist", "not ours", () => readFileSync("/nonexistent")],
  ["a path that is not allowed", "not ours", () => readFileSync("a\0b")],
  [
    "an McpAuthError",
    "not ours",
    () => {
      throw new McpAuthError("timeout", "late");
    },
  ],
])("an error from %s is judged to be a fault that is %s", (_, whose, work) => {
  expect(isProgrammingError(thrown(work))).toBe(whose === "ours");
});

test("a fault of our own code is not reported as a key that cannot be read", () => {
  const fault = thrown(() => (missing as { method(): void }).method());
  expect(thrown(() => problemOf(fault))).toBe(fault);
  expect(problemOf(thrown(() => readFileSync("/nonexistent")))).toBe("it cannot be read as a private key.");
});
