import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { McpAuthError } from "../../../src/errors/error.js";
import {
  hasErrorCode,
  ignoreFailureInBackground,
  ignoreSystemError,
  isProgrammingError,
} from "../../../src/errors/expected-errors.js";
import { problemOf } from "../../../src/keys/signing-key.js";
import { recordWarnings } from "../../support/record-warnings.js";

const coded = (code: unknown) => Object.assign(new Error("no"), { code });

test("hasErrorCode compares the code of an error, and no other value has one", () => {
  expect(hasErrorCode(coded("ENOENT"), "EACCES", "ENOENT")).toBe(true);
  expect(hasErrorCode(coded("ENOENT"), "EACCES")).toBe(false);
  for (const other of [new Error("no"), coded(2), { code: "ENOENT" }, undefined]) {
    expect(hasErrorCode(other, "ENOENT")).toBe(false);
  }
});

test("ignoreSystemError ignores errors of the operating system and throws mistakes in our code", () => {
  expect(() => ignoreSystemError(coded("ENOENT"))).not.toThrow();
  for (const mistake of [new TypeError("no"), coded("ERR_INVALID_ARG_TYPE"), "ENOENT"]) {
    expect(() => ignoreSystemError(mistake)).toThrow();
  }
});

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
])("an error from %s is judged to be a mistake that is %s", (_, whose, work) => {
  expect(isProgrammingError(thrown(work))).toBe(whose === "ours");
});

test("a mistake in our code is not reported as a key that cannot be read", () => {
  const mistake = thrown(() => (missing as { method(): void }).method());
  expect(thrown(() => problemOf(mistake))).toBe(mistake);
  expect(problemOf(thrown(() => readFileSync("/nonexistent")))).toBe("it cannot be read as a private key.");
});

test("a mistake in background work is warned about once, with its place and without its message", () => {
  const warnings = recordWarnings();
  const mistake = new TypeError("the secret is\n    at hunter2 (and not at a place)");
  for (let count = 0; count < 3; count += 1) ignoreFailureInBackground(mistake);
  ignoreFailureInBackground(new McpAuthError("timeout", "late"));
  expect(warnings).toHaveLength(1);
  const [text] = warnings;
  expect(text).toMatch(
    /^Background work failed with TypeError at .*expected-errors\.test\.ts.*\. Report this/,
  );
  expect(text).not.toContain("hunter2");
});
