import { expect, test } from "vitest";
import { assertNothingLeft, unreachable } from "../../../src/lib/unreachable.js";

test("a variant that is not handled throws a TypeError that does not show the value", () => {
  const secret = "hunter2";
  // @ts-expect-error a string is a variant that is not handled
  expect(() => unreachable(secret)).toThrow(TypeError);
  // @ts-expect-error a string is a variant that is not handled
  expect(() => unreachable(secret)).not.toThrow(/hunter2/);
});

test("a property that is not handled does not compile", () => {
  const { a: _handled, ...rest } = { a: 1 };
  assertNothingLeft(rest);
  // @ts-expect-error `a` is not handled
  assertNothingLeft({ a: 1 });
  expect(rest).toEqual({});
});
