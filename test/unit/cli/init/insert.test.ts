import { describe, expect, test } from "vitest";
import { insertIntoJson } from "../../../../src/cli/init/insert-json.js";
import { insertIntoYaml } from "../../../../src/cli/init/insert-yaml.js";

const path = ["servers", "crm"];

describe("insertIntoJson", () => {
  test.each([
    [
      "after a property with a comment behind it",
      '{\n  "servers": {\n    "a": 1 // ours\n    // end\n  }\n}\n',
      '{\n  "servers": {\n    "a": 1, // ours\n    "crm": { "b": true }\n    // end\n  }\n}\n',
    ],
    [
      "with a trailing comma where the file has them",
      '{\n  "servers": {\n    "a": 1, /* ours */\n  },\n}\n',
      '{\n  "servers": {\n    "a": 1, /* ours */\n    "crm": { "b": true },\n  },\n}\n',
    ],
    [
      "on the line of the others",
      '{ "servers": { "a": 1 } }',
      '{ "servers": { "a": 1, "crm": { "b": true } } }',
    ],
    ["into an empty object", '{"servers":{}}', '{"servers":{\n  "crm": { "b": true }\n}}'],
    [
      "into an object with only a comment",
      '{\n  "servers": {\n    // none\n  }\n}\n',
      '{\n  "servers": {\n    "crm": { "b": true }\n    // none\n  }\n}\n',
    ],
    [
      "into an object that it creates",
      '{\n\t"version": 1\n}\n',
      '{\n\t"version": 1,\n\t"servers": { "crm": { "b": true } }\n}\n',
    ],
    [
      "with the line breaks of the file",
      '{\r\n    "servers": {\r\n        "a": 1\r\n    }\r\n}\r\n',
      '{\r\n    "servers": {\r\n        "a": 1,\r\n        "crm": { "b": true }\r\n    }\r\n}\r\n',
    ],
  ])("a property is added %s", (_where, before, after) => {
    expect(insertIntoJson(before, path, { b: true })).toBe(after);
  });
});

describe("insertIntoYaml", () => {
  test.each([
    [
      "after a block with comments",
      "servers:\n  # first\n  a:\n    b: 1 # one\n\n  # last\nstore:\n  type: memory\n",
      'servers:\n  # first\n  a:\n    b: 1 # one\n  crm:\n    url: https://crm.example/mcp\n    id: "7"\n\n  # last\nstore:\n  type: memory\n',
    ],
    [
      "with the indentation of the others, and without a line break at the end",
      "servers:\n    a:\n        b: 1",
      'servers:\n    a:\n        b: 1\n    crm:\n      url: https://crm.example/mcp\n      id: "7"\n',
    ],
    [
      "into an empty map, with its comment",
      "servers: {} # none\nversion: 1\n",
      'servers: # none\n  crm:\n    url: https://crm.example/mcp\n    id: "7"\nversion: 1\n',
    ],
    [
      "below a name without a value",
      "servers: # none\nversion: 1\n",
      'servers: # none\n  crm:\n    url: https://crm.example/mcp\n    id: "7"\nversion: 1\n',
    ],
    [
      "into a map in braces",
      "servers: {a: {b: 1}}\n",
      'servers: {a: {b: 1}, "crm": { "url": "https://crm.example/mcp", "id": "7" }}\n',
    ],
    [
      "into a map that it creates",
      "version: 1\n",
      'version: 1\nservers:\n  crm:\n    url: https://crm.example/mcp\n    id: "7"\n',
    ],
    [
      "after a text of several lines",
      "servers:\n  a:\n    b: |\n      one\n      two\n",
      'servers:\n  a:\n    b: |\n      one\n      two\n  crm:\n    url: https://crm.example/mcp\n    id: "7"\n',
    ],
  ])("a property is added %s", (_where, before, after) => {
    expect(insertIntoYaml(before, path, { url: "https://crm.example/mcp", id: "7" })).toBe(after);
  });

  test.each(["true", "7", "a: b", "a #b", "", "- a", "*a", "null", "yes", "a\nb"])(
    "a text that YAML could read as something else is in quotes: %j",
    (text) => {
      expect(insertIntoYaml("servers:\n  a: 1\n", path, { id: text })).toBe(
        `servers:\n  a: 1\n  crm: { id: ${JSON.stringify(text)} }\n`,
      );
    },
  );
});
