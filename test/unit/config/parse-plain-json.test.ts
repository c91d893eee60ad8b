import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseJson } from "../../../src/config/parse-json.js";
import { parsePlainJson } from "../../../src/config/parse-plain-json.js";

describe("parsePlainJson", () => {
  it("reads JSON without duplicate names as the parser with positions does", () => {
    const texts = fc.tuple(fc.json(), fc.constantFrom(undefined, 2, "\t"));
    fc.assert(
      fc.property(texts, ([json, indent]) => {
        const text = JSON.stringify(JSON.parse(json), null, indent);
        expect(parsePlainJson(text)).toEqual(parseJson("a.json", text).value);
      }),
    );
  });

  it.each([
    ["a name that is there twice", '{ "a": 1, "a": 1 }'],
    ["one that is there twice in another spelling", String.raw`{ "a": 1, "\u0061": 1 }`],
    ["one that is there twice further down", '[{ "b": { "a": [], "a" : "a" } }]'],
    ["a comment", '{ "a": 1 } // ours'],
    ["a trailing comma", '{ "a": 1, }'],
    ["a mistake", '{ "a" 1 }'],
    ["nothing", ""],
    ["more depth than can be read", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
    ["more values than a config has", JSON.stringify(Array.from({ length: 100_001 }, () => 0))],
  ])("returns undefined for %s", (_what, text) => {
    expect(parsePlainJson(text)).toBeUndefined();
  });

  it.each([
    ["a colon in a string", '{ "a": "b\\": " }'],
    ["the name of a prototype", '{ "__proto__": { "constructor": 1 } }'],
  ])("is not misled by %s", (_what, text) => {
    expect(parsePlainJson(text)).toEqual(parseJson("a.json", text).value);
  });
});
