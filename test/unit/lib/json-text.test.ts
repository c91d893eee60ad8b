import { describe, expect, test } from "vitest";
import { elementsOf, membersOf, objectText } from "../../../src/lib/json-text.js";

describe("the original text", () => {
  test.each([
    ["[]", []],
    [" [ ] ", []],
    ["[1]", ["1"]],
    [
      '[ 12345678901234567890 ,"a,]\\"\\\\", [1,[2]] ,{"b":[3,4]}\n]',
      ["12345678901234567890", '"a,]\\"\\\\"', "[1,[2]]", '{"b":[3,4]}'],
    ],
    ['{"a":[1,2]}', []],
    ["1", []],
  ])("of the elements of an array is found: %s", (json, elements) => {
    expect(elementsOf(json)).toEqual(elements);
  });

  test.each([
    ["{}", []],
    [
      '{ "a" : 1e400 , "b":{"a":[2]}, "c\\":":"x:,}" }',
      [
        ["a", "1e400"],
        ["b", '{"a":[2]}'],
        ['c":', '"x:,}"'],
      ],
    ],
    ['{"a":1,"\\u0061":2}', [["a", "2"]]],
    ['[{"a":1}]', []],
  ])("of the members of an object is found: %s", (json, members) => {
    expect([...membersOf(json)]).toEqual(members);
  });

  test("of an object can be put together again", () => {
    const json = '{"a":1.0,"c\\":":[1e400,{}]}';
    expect(objectText(membersOf(json))).toBe(json);
  });

  test("of large and deep JSON is found in one pass", () => {
    const deep = "[".repeat(1_000_000) + "]".repeat(1_000_000);
    const long = `"${"\\\\".repeat(1_000_000)}"`;
    expect(elementsOf(`[${deep},${long},1]`)).toEqual([deep, long, "1"]);
  });
});
