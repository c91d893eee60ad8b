import { expect, test } from "vitest";
import { knownNames } from "../../../src/lib/known-names.js";

test.each([
  [[], ""],
  [["a", "b"], "a, b"],
  [["a", "a"], "a"],
  [["a", "<prose of a server>"], "a, names that are not registered"],
  [["x", "y"], "names that are not registered"],
])(
  "a message shows the list %j as %j: each registered name once, and whether there are others",
  (listed, shown) => {
    expect(knownNames(listed, new Set(["a", "b"]))).toBe(shown);
  },
);
