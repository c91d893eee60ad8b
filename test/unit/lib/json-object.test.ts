import { describe, expect, it } from "vitest";
import { parseJsonObject } from "../../../src/lib/json-object.js";

describe("parseJsonObject", () => {
  it("parseJsonObject returns the object in a text", () => {
    expect(parseJsonObject(' {"a": [1], "b": null} ')).toEqual({ a: [1], b: null });
  });

  it.each(["", "null", "[]", "7", '"{}"', "{", "{'a': 1}", "{} {}", "canary"])(
    "parseJsonObject returns undefined for %j and does not throw",
    (text) => {
      expect(parseJsonObject(text)).toBeUndefined();
    },
  );

  it("parseJsonObject changes no prototype", () => {
    expect(parseJsonObject('{"__proto__": {"admin": true}}')?.["admin"]).toBeUndefined();
  });
});
