import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { maxValues } from "../../../src/config/json.js";
import { parseJson } from "../../../src/config/parse-json.js";
import { parsePlainJson } from "../../../src/config/parse-plain-json.js";

describe("parsePlainJson", () => {
  it("parsePlainJson reads JSON without duplicate names as the parser with positions does", () => {
    const texts = fc.tuple(fc.json(), fc.constantFrom(undefined, 2, "\t"));
    fc.assert(
      fc.property(texts, ([json, indent]) => {
        const text = JSON.stringify(JSON.parse(json), null, indent);
        expect(parsePlainJson(text)).toEqual(parseJson("a.json", text).value);
      }),
    );
  });

  it.each([
    ["a duplicate name", '{ "a": 1, "a": 1 }'],
    ["a duplicate name in another spelling", String.raw`{ "a": 1, "\u0061": 1 }`],
    ["a duplicate name in a nested object", '[{ "b": { "a": [], "a" : "a" } }]'],
    ["a comment", '{ "a": 1 } // ours'],
    ["a trailing comma", '{ "a": 1, }'],
    ["a syntax error", '{ "a" 1 }'],
    ["an empty text", ""],
    ["a text that is nested too deeply", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
    ["too many values", JSON.stringify(Array.from({ length: maxValues + 1 }, () => 0))],
  ])("parsePlainJson returns undefined for %s", (_what, text) => {
    expect(parsePlainJson(text)).toBeUndefined();
  });

  it.each([
    ["a colon in a string", '{ "a": "b\\": " }'],
    ["the names __proto__ and constructor", '{ "__proto__": { "constructor": 1 } }'],
  ])("parsePlainJson reads %s correctly", (_what, text) => {
    expect(parsePlainJson(text)).toEqual(parseJson("a.json", text).value);
  });
});
