import { expect, test } from "vitest";
import { hasErrorCode, ignoreSystemError } from "../../../src/lib/error-code.js";

const coded = (code: unknown) => Object.assign(new Error("no"), { code });

test("hasErrorCode compares the code of an error, and no other value has one", () => {
  expect(hasErrorCode(coded("ENOENT"), "EACCES", "ENOENT")).toBe(true);
  expect(hasErrorCode(coded("ENOENT"), "EACCES")).toBe(false);
  for (const other of [new Error("no"), coded(2), { code: "ENOENT" }, undefined]) {
    expect(hasErrorCode(other, "ENOENT")).toBe(false);
  }
});

test("ignoreSystemError ignores errors of the operating system and throws mistakes in the program", () => {
  expect(() => ignoreSystemError(coded("ENOENT"))).not.toThrow();
  for (const mistake of [new TypeError("no"), coded("ERR_INVALID_ARG_TYPE"), "ENOENT"]) {
    expect(() => ignoreSystemError(mistake)).toThrow();
  }
});
