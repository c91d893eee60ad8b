// Arbitraries of malformed input: valid pieces in the wrong place, cut, doubled, or mixed with other text.
import fc from "fast-check";

/** Planted in text of servers and files. It must not appear in any message. */
export const canary = "c4n4ry";

const characters = [
  ..."\"'\\,;=:{}[]()<>/%$#@!?*&|~^`+-._ \t\n\r",
  "\u0000",
  "\u001b",
  "\u007f",
  "\u0085",
  "\u00a0",
  "\u00e9",
  "\u2028",
  "\u202e",
  "\u{1f600}",
  "\ud800",
  "\ufeff",
  "0",
  "9",
  "a",
  "Z",
];

/**
 * Any character of Unicode. The unit `binary` of fast-check is the same set, and takes a second and much memory to
 * prepare for shrinking given texts.
 */
export const anyCharacter: fc.Arbitrary<string> = fc
  .nat({ max: 0x10_ff_ff - 0x8_00 })
  .map((number) => String.fromCodePoint(number < 0xd8_00 ? number : number + 0x8_00));

/** A sequence of `known` texts, special characters and texts that are special to some parser. */
export function pieces(...known: readonly string[]): fc.Arbitrary<string> {
  const piece = fc.oneof(
    { arbitrary: fc.constantFrom(...known), weight: 6 },
    { arbitrary: fc.constantFrom(...characters), weight: 2 },
    { arbitrary: fc.constantFrom(canary, "\\u0041", "%00", "${A}", "${", "$${", "null", "1e999"), weight: 1 },
  );
  return fc.array(piece, { maxLength: 16 }).map((parts) => parts.join(""));
}

interface Change {
  readonly at: number;
  readonly length: number;
  readonly by: string | "again";
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.nat({ max: 12 }),
  by: fc.oneof(
    fc.constantFrom("", "again", canary, ...characters),
    fc.string({ maxLength: 4, unit: anyCharacter }),
  ),
});

/** A text in which some parts are removed, doubled or replaced. */
export function mangled(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.tuple(text, fc.array(change, { minLength: 1, maxLength: 4 })).map(([start, changes]) =>
    changes.reduce((before, { at, length, by }) => {
      const from = Math.floor(at * before.length);
      const cut = before.slice(from, from + length);
      return before.slice(0, from) + (by === "again" ? cut + cut : by) + before.slice(from + length);
    }, start),
  );
}

/** Any JSON, some of it with the canary, or with names that are special in JavaScript. */
export const anyJson: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1e308,
    0.5,
    "",
    " ",
    canary,
    `${canary} ${canary}`,
    `https://a.example/?${canary}`,
    `https://${canary}@a.example/`,
    `javascript:${canary}`,
    "a\nb",
    "\ud800",
    [],
    {},
    [[]],
    [canary],
    [1, canary],
    { [canary]: canary },
    { __proto__: null, constructor: canary },
    { length: 3, toString: 1 },
  ),
  fc.jsonValue({ maxDepth: 2 }),
);

/** An object with some members replaced, omitted or added. */
export function altered(
  object: fc.Arbitrary<Readonly<Record<string, unknown>>>,
  names: readonly string[],
): fc.Arbitrary<Record<string, unknown>> {
  const changes = fc.array(fc.tuple(fc.constantFrom(...names, "__proto__", "constructor", canary), anyJson), {
    maxLength: 3,
  });
  const absent = fc.subarray([...names], { maxLength: 1 });
  return fc.tuple(object, changes, absent).map(([start, replaced, left]) => {
    const entries = Object.entries(start).filter(([name]) => !left.includes(name));
    return Object.fromEntries([...entries, ...replaced]);
  });
}

/** Removes the characters that `Headers` does not accept. */
export const headerSafe = (text: string): string => text.replaceAll(/[^\t\x20-\x7e\x80-\xff]/g, "").trim();
