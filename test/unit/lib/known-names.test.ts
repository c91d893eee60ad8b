import { expect, test } from "vitest";
import { knownNames } from "../../../src/lib/known-names.js";

test.each([
  [[], ""],
  [["a", "b"], "a, b"],
  [["a", "a"], "a"],
  [["a", "<prose of a server>"], "a, names that are not registered"],
  [["x", "y"], "names that are not registered"],
])("of %j what is registered is named, each once, and that there is more: %s", (listed, shown) => {
  expect(knownNames(listed, new Set(["a", "b"]))).toBe(shown);
});
