import fc from "fast-check";
import { expect, test } from "vitest";
import {
  assertLocalToken,
  generateToken,
  isGeneratedToken,
  tokenComparison,
} from "../../../src/proxy/local-token.js";

test("a generated token is new each time, is strong enough, and needs no encoding in a URL", () => {
  const tokens = Array.from({ length: 500 }, generateToken);
  expect(new Set(tokens).size).toBe(tokens.length);
  for (const token of tokens) {
    expect(Buffer.from(token, "base64url").length).toBe(32);
    expect(new URL(`http://127.0.0.1/${token}/`).pathname).toBe(`/${token}/`);
    expect(isGeneratedToken(token)).toBe(true);
    assertLocalToken(token);
  }
});

test("a text that is not generated is told apart from a generated token", () => {
  const token = generateToken();
  for (const text of [
    "",
    "x",
    token.slice(1),
    `${token}x`,
    `${token}\n`,
    `${token.slice(1)}.`,
    `${token.slice(1)}/`,
  ])
    expect(isGeneratedToken(text)).toBe(false);
});

test.each([
  ["", "characters"],
  ["with space 0123456789abcdefghijkl", "characters"],
  ["slash/0123456789abcdefghijklmnopq", "characters"],
  ["percent%410123456789abcdefghijklm", "characters"],
  ["line0123456789abcdefghijklmnop\n", "characters"],
  ["\u00e90123456789abcdefghijklmnopqr", "characters"],
  ["question?0123456789abcdefghijklmn", "characters"],
  ["short", "guessed"],
  ["0123456789abcdef0123456789abcde", "guessed"],
  ["0123456789ABCDEF0123456789ABCDE", "guessed"],
  ["Abcdefghijklmnopqrstu", "guessed"],
  ["aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "guessed"],
  ["abababababababababababababababababababababab", "guessed"],
  ["................................................", "guessed"],
])("the local token %j is refused: %s", (token, problem) => {
  expect(() => assertLocalToken(token)).toThrow(problem);
  // The message is shown.
  if (token.length > 5) expect(() => assertLocalToken(token)).not.toThrow(token);
});

test("a local token of 128 bits passes, in hexadecimal and base64url", () => {
  assertLocalToken("0123456789abcdef0123456789abcdef");
  assertLocalToken("ABCDEFGHijklmnop012345");
});

test("a comparison accepts exactly the token", () => {
  const token = generateToken();
  const isToken = tokenComparison(token);
  expect(isToken(token)).toBe(true);
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => text === token || !isToken(text)));
  const others = [
    "",
    `${token}\0`,
    token.slice(0, -1),
    token.toLowerCase(),
    ` ${token}`,
    `${token.slice(0, -1)}\u0100`,
  ];
  for (const other of others) expect(isToken(other)).toBe(false);
});
