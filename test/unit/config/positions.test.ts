import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { checkConfig } from "../../../src/config/load.js";
import { folder } from "./folder.js";

async function check(name: string, content: string) {
  const cwd = await folder({ [name]: content });
  const { violations } = await checkConfig({ cwd, env: {} });
  return violations.map(({ file, line, column, pointer, message }) => {
    expect(file).toBe(join(cwd, name));
    return { at: `${line}:${column}`, pointer, message };
  });
}

const grant = `{ "type": "static", "token": { "env": "T" } }`;

describe("positions in JSON", () => {
  it("JSON can have comments, trailing commas and a byte order mark", async () => {
    const text = `\uFEFF// who we are\n{ /* all */ "servers": { "crm": { "url": "https://crm.example", "grant": ${grant}, }, }, }\n`;
    expect(await check("mcp-auth.config.json", text)).toEqual([]);
  });

  it("a violation points at the value, at the name of an unknown property, or at the object that lacks one", async () => {
    const text = `{\n  "servers": {\n    "crm": {\n      "reach": "all", "extra": 1,\n      "url": "https://crm.example" }\n  }\n}`;
    expect(await check("mcp-auth.config.json", text)).toEqual([
      { at: "3:12", pointer: "/servers/crm", message: 'The property "grant" is missing' },
      expect.objectContaining({ at: "4:16", pointer: "/servers/crm/reach" }),
      { at: "4:23", pointer: "/servers/crm/extra", message: 'Unknown property "extra"' },
    ]);
  });

  it("columns start at 1 after a byte order mark, and CRLF ends a line", async () => {
    expect(await check("mcp-auth.config.json", `\uFEFF{"servers": {},\r\n"a/b~c": 1}`)).toEqual([
      { at: "2:1", pointer: "/a~1b~0c", message: 'Unknown property "a/b~c"' },
    ]);
    expect(await check("mcp-auth.config.json", `\uFEFF[]`)).toEqual([
      expect.objectContaining({ at: "1:1", pointer: "", message: "Must be an object, found a list" }),
    ]);
  });

  it("a duplicate property is reported at its second position, along with other mistakes", async () => {
    const text = `{ "version": 2,\n  "servers": {},\n  "servers": {} }`;
    expect(await check("mcp-auth.config.json", text)).toEqual([
      { at: "1:14", pointer: "/version", message: "Must be 1, found 2" },
      { at: "3:3", pointer: "/servers", message: 'The property "servers" is defined twice' },
    ]);
  });

  it.each([
    ['{\n  "servers" {} }', "2:13", "A colon is expected here"],
    ['{ "servers": {}\n  "version": 1 }', "2:3", "A comma is expected here"],
    ['{ "servers": {', "1:15", "A closing brace is expected here"],
    ['{ "servers": { "cr', "1:16", "This string has no closing quote"],
    ["", "1:1", "The file is empty"],
    ["// nothing\n", "1:1", undefined],
  ])("one syntax error is reported with its position in %j", async (text, at, message) => {
    const violations = await check("mcp-auth.config.json", text);
    expect(violations).toHaveLength(1);
    if (message !== undefined) expect(violations).toEqual([{ at, pointer: "", message }]);
  });

  it.each([
    ["lists, without an end", "[".repeat(100_000)],
    ["objects", `{"servers":${'{"a":'.repeat(100)}1${"}".repeat(101)}`],
  ])("one violation is reported for JSON that is nested too deeply: %s", async (_, text) => {
    expect(await check("mcp-auth.config.json", text)).toEqual([
      { at: "1:1", pointer: "", message: "The file is nested too deeply" },
    ]);
  });

  it("a server called __proto__ is refused, and one called constructor is valid", async () => {
    const server = `{ "url": "https://crm.example", "grant": ${grant} }`;
    expect(await check("mcp-auth.config.json", `{ "servers": { "constructor": ${server} } }`)).toEqual([]);
    expect(await check("mcp-auth.config.json", `{ "servers": { "__proto__": ${server} } }`)).toEqual([
      expect.objectContaining({ pointer: "/servers/__proto__" }),
    ]);
    const text = `{ "servers": { "a": { "url": "https://a.example", "grant": { "client": "constructor" } } } }`;
    expect(await check("mcp-auth.config.json", text)).toHaveLength(1);
  });
});

it("in package.json, the pointer starts at the top of the file, and the rest of the file is not checked", async () => {
  const text = `{\n  "name": "agent", "name": "agent",\n  "mcp-auth": {\n    "servers": {},\n    "verion": 1 }\n}`;
  expect(await check("package.json", text)).toEqual([
    { at: "5:5", pointer: "/mcp-auth/verion", message: 'Unknown property "verion"' },
  ]);
});

describe("positions in YAML", () => {
  it("a violation points into block and flow style", async () => {
    const text = `version: 2\nservers:\n  crm:\n    urll: https://crm.example\n    grant: { type: static, token: { env: 5 } }\n`;
    expect(await check("mcp-auth.config.yaml", text)).toEqual([
      { at: "1:10", pointer: "/version", message: "Must be 1, found 2" },
      { at: "4:5", pointer: "/servers/crm/urll", message: 'Unknown property "urll"' },
      { at: "5:42", pointer: "/servers/crm/grant/token/env", message: "Must be a string, found a number" },
    ]);
  });

  it("a duplicate property in YAML is reported", async () => {
    expect(await check("mcp-auth.config.yml", "servers: {}\nversion: 1\nservers: {}\n")).toEqual([
      { at: "3:1", pointer: "/servers", message: 'The property "servers" is defined twice' },
    ]);
  });

  it.each([
    ["servers:\n\tcrm: 1\n", "2:1"],
    ['servers: "no end\n', "2:1"],
    ["servers: {}\n---\nservers: {}\n", "2:1"],
    ["servers: *nowhere\n", "1:10", "/servers"],
    ["", "1:1"],
  ])("one syntax error is reported with its position in %j", async (text, at, pointer = "") => {
    const violations = await check("mcp-auth.config.yaml", text);
    expect(violations).toEqual([expect.objectContaining({ at, pointer })]);
    expect(violations[0]?.message).not.toContain("nowhere");
  });

  it.each([
    "[".repeat(30_000),
    "{a: ".repeat(15_000),
    "- ".repeat(15_000),
    `${"[".repeat(200)}${"]".repeat(200)}`,
    `servers: ${"{a: ".repeat(100)}1${"}".repeat(100)}`,
  ])("a file that is nested too deeply is reported, whatever the depth (%#)", async (text) => {
    const violations = await check("mcp-auth.config.yaml", text);
    expect(violations).toEqual([expect.objectContaining({ message: "The file is nested too deeply" })]);
  });

  it("a mistake in an alias is reported at its anchor", async () => {
    const text = `clients:\n  a: &a { issuer: https://auth.example, id: x, secret: { env: S } }\n  b: *a\nservers: {}\n`;
    expect(await check("mcp-auth.config.yaml", text)).toEqual([]);
    const wrong = text.replace("id: x", "id: 5");
    expect(await check("mcp-auth.config.yaml", wrong)).toEqual([
      { at: "2:45", pointer: "/clients/a/id", message: "Must be a string, found 5" },
      { at: "2:45", pointer: "/clients/b/id", message: "Must be a string, found 5" },
    ]);
  });

  it("merge keys, tags, names that are not text, and alias bombs are refused", async () => {
    const merge = "base: &base { version: 1 }\n<<: *base\nservers: {}\n";
    expect(await check("mcp-auth.config.yaml", merge)).toContainEqual({
      at: "2:1",
      pointer: "/<<",
      message: "Merge keys (<<) are not supported",
    });
    expect(await check("mcp-auth.config.yaml", 'servers: !!js/function "function () {}"\n')).toEqual([
      { at: "1:24", pointer: "/servers", message: "YAML tags are not supported" },
    ]);
    expect(await check("mcp-auth.config.yaml", "servers: {}\n? [a]\n: 1\n")).toEqual([
      { at: "2:3", pointer: "", message: "A property name must be text" },
    ]);
    const levels = Array.from({ length: 12 }, (_, n) => `a${n + 1}: &a${n + 1} [${`*a${n},`.repeat(9)}]`);
    const bomb = `a0: &a0 [x]\n${levels.join("\n")}\n`;
    expect(await check("mcp-auth.config.yaml", bomb)).toEqual([
      expect.objectContaining({ pointer: "", message: "A file can have at most 100 aliases" }),
    ]);
    expect(await check("mcp-auth.config.yaml", "a: &a [*a]\n")).toHaveLength(1);
  });
});

it("each mistake among 2,000 servers is reported at its position", async () => {
  const mistakes = [
    { text: '"extra": 1', at: '"extra"', pointer: "/extra" },
    { text: '"reach": "all"', at: '"all"', pointer: "/reach" },
    { text: '"headers": { "x-a": "${NOWHERE}" }', at: '"${NOWHERE}"', pointer: "/headers/x-a" },
    { text: '"resourceMetadata": "http://other.example/meta"', at: '"http:', pointer: "/resourceMetadata" },
    { text: '"refresh": { "schedule": "61 * * * *" }', at: '"61', pointer: "/refresh/schedule" },
  ];
  const mistakeOf = (index: number) => (index % 10 === 7 ? mistakes[((index / 10) % 5) | 0] : undefined);
  const lines = Array.from({ length: 2_000 }, (_, index) => {
    const more = mistakeOf(index)?.text ?? '"timeout": "5s"';
    return `"s${index}": { "url": "https://mcp.example/${index}", ${more}, "grant": ${grant} }`;
  });
  const expected = lines.flatMap((line, index) => {
    const mistake = mistakeOf(index);
    if (mistake === undefined) return [];
    return [
      { at: `${index + 2}:${line.indexOf(mistake.at) + 1}`, pointer: `/servers/s${index}${mistake.pointer}` },
    ];
  });
  const found = await check("mcp-auth.config.json", `{ "servers": {\n${lines.join(",\n")}\n} }`);
  expect(found.map(({ at, pointer }) => ({ at, pointer }))).toEqual(expected);
  expect(found).toHaveLength(200);
});
