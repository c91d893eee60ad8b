import { describe, expect, test } from "vitest";
import { headerParameters, parameterHeaders } from "../../../../src/proxy/stdio/param-headers.js";

function schema(properties: object, more: object = {}): object {
  return { type: "object", properties, ...more };
}

describe("parameters in headers", () => {
  test("are found at any depth of properties, and take their values from the same place in the arguments", () => {
    const found = headerParameters(
      schema({
        region: { type: "string", "x-mcp-header": "Region" },
        nested: schema({ count: { type: "integer", "x-mcp-header": "Count" } }),
        dry: { type: "boolean", "x-mcp-header": "Dry-Run" },
        items: { type: "string", default: { "x-mcp-header": "only text" } },
      }),
    );
    expect(found?.map(({ name }) => name)).toEqual(["Region", "Count", "Dry-Run"]);
    const values = { region: "eü", nested: { count: -7 }, dry: true };
    expect(parameterHeaders(found ?? [], values)).toEqual({
      "mcp-param-region": "=?base64?ZcO8?=",
      "mcp-param-count": "-7",
      "mcp-param-dry-run": "true",
    });
    const without = { region: null, nested: { count: 2 ** 60 }, dry: [] };
    expect(parameterHeaders(found ?? [], without)).toEqual({});
    expect(parameterHeaders(found ?? [], undefined)).toEqual({});
  });

  test("are none for a schema without the annotation", () => {
    expect(headerParameters(schema({ text: { type: "string" } }))).toEqual([]);
    expect(headerParameters(undefined)).toEqual([]);
  });

  const annotated = { type: "string", "x-mcp-header": "A" };
  test.each([
    ["a number", schema({ a: { type: "number", "x-mcp-header": "A" } })],
    ["an object", schema({ a: { type: "object", "x-mcp-header": "A" } })],
    ["an empty name", schema({ a: { type: "string", "x-mcp-header": "" } })],
    ["a name with a line break", schema({ a: { type: "string", "x-mcp-header": "A\r\nB: c" } })],
    ["a name that is no text", schema({ a: { type: "string", "x-mcp-header": 1 } })],
    ["a name that occurs twice", schema({ a: annotated, b: { ...annotated, "x-mcp-header": "a" } })],
    ["the schema itself", { ...annotated }],
    ["items of an array", schema({ a: { type: "array", items: annotated } })],
    ["one of several schemas", schema({ a: { oneOf: [annotated] } })],
    ["properties behind items", schema({ a: { items: schema({ b: annotated }) } })],
    ["a definition", schema({}, { $defs: { a: annotated } })],
    ["a condition", schema({}, { if: schema({ a: annotated }) })],
  ])("make a tool invalid that has the annotation at %s", (_, invalid) => {
    expect(headerParameters(invalid)).toBeUndefined();
  });

  test("make a tool invalid whose schema is nested without end", () => {
    let deep: object = {};
    for (let level = 0; level < 10_000; level += 1) deep = schema({ a: deep });
    expect(headerParameters(deep)).toBeUndefined();
  });
});
