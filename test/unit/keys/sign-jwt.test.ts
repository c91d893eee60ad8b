import { expect, test } from "vitest";
import { issuedAt } from "../../../src/keys/sign-jwt.js";

test("iat is five seconds in the past, in whole seconds", () => {
  expect(issuedAt(1_767_225_600_999)).toBe(1_767_225_595);
  expect(issuedAt(1_767_225_600_999, 60)).toBe(1_767_225_595);
});

test.each([
  [10, 5],
  [9, 4],
  [2, 1],
  [1, 0],
])(
  "for a lifetime of %i s, iat is %i s in the past, so that the JWT has not expired when it is sent",
  (lifetime, back) => {
    expect(issuedAt(1_767_225_600_000, lifetime)).toBe(1_767_225_600 - back);
  },
);
