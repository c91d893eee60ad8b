import { describe, expect, test } from "vitest";
import { canBeCleaned, cleanSecret, looksLikeId, secretFlaws } from "../../../src/diagnosis/secret-flaws.js";

describe("secretFlaws", () => {
  test.each<[string, readonly string[]]>([
    ["abc", []],
    ["a b c", []],
    ["a'b\"c`", []],
    ['"abc', []],
    ["tilde~and+slash/and=and%", []],
    ["über-geheim-秘密", []],
    ["abc ", ["white_space_at_end"]],
    ["abc\t", ["white_space_at_end"]],
    ["abc\u00a0", ["white_space_at_end"]],
    [" abc", ["white_space_at_start"]],
    ["abc\n", ["line_break", "white_space_at_end"]],
    ["abc\r", ["line_break", "white_space_at_end"]],
    ["ab\nc", ["line_break"]],
    ["abc\\n", ["escaped_line_break"]],
    ["ab\\nc", []],
    ['"abc"', ["quotes"]],
    ["'abc'", ["quotes"]],
    ["'abc' ", ["quotes", "white_space_at_end"]],
    ["\ufeffabc", ["byte_order_mark"]],
    ["ab\ufeffc", ["invisible_character"]],
    ["ab\u200bc", ["invisible_character"]],
    ["ab\u00adc", ["invisible_character"]],
    ["ab\u0000c", ["invisible_character"]],
  ])("the flaws of %j are %j", (secret, flaws) => {
    expect(secretFlaws(secret)).toEqual(flaws);
  });
});

test("a UUID looks like the id of a secret, and other secrets do not", () => {
  expect(looksLikeId("0D3AD2F5-1111-4222-8333-444455556666")).toBe(true);
  expect(looksLikeId("0d3ad2f5-1111-4222-8333-444455556666 ")).toBe(true);
  expect(looksLikeId("0d3ad2f511114222833344445555666")).toBe(false);
  expect(looksLikeId("x0d3ad2f5-1111-4222-8333-444455556666")).toBe(false);
});

describe("cleanSecret", () => {
  test.each([
    ...[" abc", "abc ", "abc\t", "abc\u00a0", "abc\n\n", "ab\r\nc", "abc\\n", "abc\\r\\n"],
    ...['"abc"', "'abc'", "`abc`", '"abc" ', '" abc "', '"abc\\n"', '"abc"\\n'],
    ...["\ufeffabc", '\ufeff"abc"', "ab\ufeffc", "ab\u200bc", "ab\u00adc", "ab\u0000c"],
  ])("%j becomes what was probably meant", (secret) => {
    expect(cleanSecret(secret)).toBe("abc");
    expect(canBeCleaned(secret)).toBe(true);
    expect(secretFlaws(cleanSecret(secret))).toEqual([]);
  });

  test.each(["abc", "a b", "a'b\"c`", '"abc', "abc'", "\"abc'", "ab\\nc", "über-geheim-秘密", '"'])(
    "%j is left as it is",
    (secret) => {
      expect(cleanSecret(secret)).toBe(secret);
      expect(canBeCleaned(secret)).toBe(false);
    },
  );

  test.each([" ", '""', "\u200b", "\\n"])("nothing would be left of %j", (secret) => {
    expect(canBeCleaned(secret)).toBe(false);
  });
});
