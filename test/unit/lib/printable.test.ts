import { describe, expect, test } from "vitest";
import { knownNames, printable, quoted } from "../../../src/lib/printable.js";

describe("printable and quoted", () => {
  test.each<[what: string, text: string, shown: string]>([
    ["a line break", "a\nb\r\nc", "a\\u000ab\\u000d\\u000ac"],
    ["a tab and a NUL", "a\tb\0", "a\\u0009b\\u0000"],
    ["an escape sequence", "\u001b[2Jx", "\\u001b[2Jx"],
    ["a control character beyond ASCII", "\u009b31m\u0085", "\\u009b31m\\u0085"],
    ["bidirectional characters", "\u202egnp.exe\u2066\u200f", "\\u202egnp.exe\\u2066\\u200f"],
    ["invisible characters", "a\u200b\u00ad\ufeffb", "a\\u200b\\u00ad\\ufeffb"],
    ["line and paragraph separators", "a\u2028b\u2029c", "a\\u2028b\\u2029c"],
    ["unpaired surrogates", "a\ud800b\udc00", "a\\ud800b\\udc00"],
    ["a format character beyond U+FFFF", "a\u{e0001}b", "a\\udb40\\udc01b"],
    ["the commands of CI runners", "a ##[error]b ###VSO[x]", "a \\u0023#[error]b #\\u0023#VSO[x]"],
  ])("a printable text has %s escaped", (_, text, shown) => {
    expect(printable(text)).toBe(shown);
  });

  test("letters, signs and symbols of any script are printed unchanged", () => {
    for (const text of ["/home/müller/設定 1/#[x]/##", "שלום", "\u{1f511}\u{20000}", "C:\\a\\u0041", '"']) {
      expect(printable(text)).toBe(text);
    }
  });

  test("escaping a text twice changes nothing more", () => {
    const text = "a\n\u202e##[x]\\u000a\u{e0001}";
    expect(printable(printable(text))).toBe(printable(text));
  });

  test("any quoted text can be parsed as JSON", () => {
    for (const text of ['a "b" \\ c', "a\n\u202e\u{e0001}##[x]\ud800\\\u2028", "\\\u202e", ""]) {
      expect(quoted(text)).toMatch(/^"[\x20-\x7e]*"$/);
      expect(JSON.parse(quoted(text))).toBe(text);
    }
  });
});

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
