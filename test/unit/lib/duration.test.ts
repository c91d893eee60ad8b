import fc from "fast-check";
import { expect, test } from "vitest";
import { parseDuration } from "../../../src/lib/duration.js";

test.each([
  ["500ms", 500],
  ["30s", 30_000],
  ["5m", 300_000],
  ["1h", 3_600_000],
  ["0s", 0],
  ["007s", 7_000],
])("the duration %s is %d milliseconds", (text, milliseconds) => {
  expect(parseDuration(text)).toBe(milliseconds);
});

test.each(["", "5", "s", "-5s", "1.5s", "5 s", " 5s", "5s ", "5S", "5d", "1h30m", "٣s", "1e3s", "Infinitys"])(
  "the text %j is not a duration",
  (text) => {
    expect(parseDuration(text)).toBeUndefined();
  },
);

test("any text is parsed to a finite number of whole milliseconds or to nothing", () => {
  const almost = fc.tuple(fc.nat(), fc.constantFrom("ms", "s", "m", "h", "")).map((parts) => parts.join(""));
  fc.assert(
    fc.property(fc.oneof(fc.string(), almost), (text) => {
      const milliseconds = parseDuration(text);
      if (milliseconds !== undefined) {
        expect(Number.isSafeInteger(milliseconds)).toBe(true);
        expect(milliseconds).toBeGreaterThanOrEqual(0);
      }
    }),
  );
});
