import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { type CheckedConfig, checkConfig } from "../../src/config/load.js";
import { asJson, asYaml, config, type Data, env } from "./configs.js";
import { anyJson, mangled, pieces } from "./garbage.js";
import { property } from "./property.js";

type Notation = "json" | "yaml";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "fuzz-config-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Checks a config file with this text. */
async function check(text: string, notation: Notation): Promise<CheckedConfig> {
  const file = join(folder, `config.${notation}`);
  await writeFile(file, text, { mode: 0o644 });
  return await checkConfig({ cliPath: file, cwd: folder, env });
}

/** Checks a config that is given in code, where its type is not checked. */
const checkObject = (data: unknown): Promise<CheckedConfig> =>
  checkConfig({ config: data as never, cwd: folder, env });

const parts = ({ spec }: CheckedConfig) => spec && { servers: spec.servers, network: spec.network };

describe("a valid config", () => {
  property(
    "a valid config is the same in JSON with comments, in YAML and as an object",
    [
      config.chain((data) =>
        fc.tuple(fc.constant(data), asJson(fc.constant(data)), asYaml(fc.constant(data))),
      ),
    ],
    async ([data, json, yaml]) => {
      const object = await checkObject(data);
      expect(object.violations).toEqual([]);
      for (const [text, notation] of [
        [json, "json"],
        [yaml, "yaml"],
      ] as const) {
        const read = await check(text, notation);
        expect(read.violations).toEqual([]);
        expect(parts(read)).toEqual(parts(object));
      }
    },
  );
});

/** Returns the paths of a value and of everything inside of it. */
function places(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, inner]) => places(inner, [...path, name]))];
}

/** Returns a copy of `value` in which `entry` replaces the entry at a path by other entries, or by none. */
function rewritten(
  value: Data,
  [name, ...rest]: readonly string[],
  entry: (name: string, value: Data) => readonly (readonly [string, Data])[],
): Data {
  if (name === undefined || typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).flatMap(([each, inner]) => {
    if (each !== name) return [[each, inner] as const];
    return rest.length === 0 ? entry(each, inner) : [[each, rewritten(inner, rest, entry)] as const];
  });
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
}

const pointer = (path: readonly string[]) =>
  path.map((name) => `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");

// Objects whose property names the user chooses.
const maps = new Set(["headers", "params", "claims", "keys", "clients", "servers"]);
const hasFreeNames = (path: readonly string[]): boolean => {
  const [top, , ...rest] = path;
  return (
    (path.length === 2 && maps.has(top ?? "")) ||
    rest.slice(0, -1).some((name) => ["headers", "params", "claims"].includes(name)) ||
    (top === "defaults" && path[1] === "headers" && path.length > 2)
  );
};

/** Returns a name with a typo: two letters are swapped, or one is missing, doubled or replaced. */
const typo = (name: string, kind: number, where: number): string => {
  const at = 1 + (where % (name.length - 2));
  const [before, letter = "", next = "", after] = [
    name.slice(0, at),
    name[at],
    name[at + 1],
    name.slice(at + 2),
  ];
  if (kind === 0 && letter !== next) return before + next + letter + after;
  if (kind === 1) return before + next + after;
  if (kind === 2) return before + letter + letter + next + after;
  return `${before}q${next}${after}`;
};

/** A config, a path in it, and two numbers that select a typo. */
const placed = config.chain((data) =>
  fc.tuple(
    fc.constant(data),
    fc.constantFrom(...places(data).slice(1)),
    fc.nat({ max: 3 }),
    fc.nat({ max: 20 }),
  ),
);

describe("a config with one mistake", () => {
  property("an unknown property is one violation", [placed], async ([data, path]) => {
    if (hasFreeNames([...path, "x"])) return;
    let isObject = false;
    const wrong = rewritten(data, path, (name, value) => {
      isObject = typeof value === "object" && value !== null && !Array.isArray(value);
      return [[name, isObject ? { ...(value as object), zzzqqq: 1 } : value] as const];
    });
    if (
      !isObject ||
      (maps.has(path.at(-1) ?? "") &&
        (path.length < 3 || ["headers", "params", "claims"].includes(path.at(-1) ?? "")))
    )
      return;
    const { violations, spec } = await checkObject(wrong);
    expect(violations.map((violation) => violation.pointer)).toEqual([pointer([...path, "zzzqqq"])]);
    expect(spec).toBe(undefined);
  });

  property(
    "a misspelled name is one violation, and is corrected if only one name can be meant",
    [placed, fc.constantFrom<Notation>("json", "yaml")],
    async ([data, path, kind, where], notation) => {
      const name = path.at(-1) ?? "";
      if (name.length < 5 || /^\d/.test(name) || hasFreeNames(path)) return;
      const misspelled = typo(name, kind, where);
      if (misspelled === name) return;
      const wrong = rewritten(data, path, (_, value) => [[misspelled, value] as const]);
      const { violations, fixed } = await check(JSON.stringify(wrong), notation);
      expect(violations.map((violation) => violation.pointer)).toEqual([
        pointer([...path.slice(0, -1), misspelled]),
      ]);
      if (fixed === undefined) return;
      expect(JSON.parse(fixed.text)).toEqual(data);
    },
  );

  property("a variable that is not set is one violation", [placed], async ([data, path]) => {
    let wasUrl = false;
    const wrong = rewritten(data, path, (name, value) => {
      wasUrl = name === "url" || name === "issuer" || name === "audience";
      return [[name, wasUrl ? "${NOT_SET}" : value] as const];
    });
    if (!wasUrl || path.includes("claims")) return;
    const { violations, spec } = await checkObject(wrong);
    expect(violations.map((violation) => violation.pointer)).toEqual([pointer(path)]);
    expect(spec).not.toBe(undefined);
  });

  property(
    "a variable in place of a secret reference is one violation, and is corrected",
    [placed, fc.constantFrom<Notation>("json", "yaml")],
    async ([data, path], notation) => {
      let wasReference = false;
      const entry = (by: Data) => (name: string, value: Data) => {
        wasReference =
          ["secret", "privateKey", "cert", "passphrase"].includes(name) &&
          !hasFreeNames(path) &&
          path.length > 2;
        return [[name, wasReference ? by : value] as const];
      };
      const wrong = rewritten(data, path, entry("${MY_SECRET}"));
      if (!wasReference) return;
      const { violations, fixed } = await check(JSON.stringify(wrong), notation);
      expect(violations.map((violation) => violation.pointer)).toEqual([pointer(path)]);
      expect(JSON.parse(fixed?.text ?? "null")).toEqual(rewritten(data, path, entry({ env: "MY_SECRET" })));
    },
  );
});

const texts = fc.oneof(
  fc.tuple(mangled(asJson(config)), fc.constant<Notation>("json")),
  fc.tuple(mangled(asYaml(config)), fc.constant<Notation>("yaml")),
  fc.tuple(
    anyJson.map((value) => JSON.stringify(value)),
    fc.constantFrom<Notation>("json", "yaml"),
  ),
  fc.tuple(
    pieces(
      "servers",
      ":",
      " ",
      "\n",
      "  ",
      "- ",
      "{",
      "}",
      "[",
      "]",
      '"',
      "&a ",
      "*a",
      "<<: ",
      "!!str ",
      "? ",
      "|",
      ">-",
      "---",
      "...",
      "%YAML",
      "//",
      "/*",
      "*/",
      "secret",
    ),
    fc.constantFrom<Notation>("json", "yaml"),
  ),
);

describe("a text of any kind", () => {
  property(
    "an arbitrary text is a valid config, or has violations at positions inside of the text",
    [texts],
    async ([text, notation]) => {
      const { violations, spec } = await check(text, notation);
      expect(spec !== undefined || violations.length > 0).toBe(true);
      const lines = text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);
      for (const { line = 0, column = 0, message } of violations) {
        expect(message).not.toBe("");
        expect(column).toBeGreaterThanOrEqual(1);
        expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? -1) + 1);
      }
    },
  );

  property(
    "the corrections of an arbitrary text end after a few rounds",
    [texts],
    async ([text, notation]) => {
      let last = text;
      for (let round = 0; round < 8; round += 1) {
        const { fixed } = await check(last, notation);
        if (fixed === undefined) return;
        expect(fixed.text).not.toBe(last);
        last = fixed.text;
      }
      throw new Error(`There are still corrections after eight rounds: ${last}`);
    },
  );

  property(
    "an arbitrary object is a valid config or has violations, and nothing is thrown",
    [
      fc.oneof(
        anyJson,
        config.chain((data) =>
          fc
            .tuple(fc.constantFrom(...places(data)), anyJson)
            .map(([path, by]) => rewritten(data, path, (name) => [[name, by as Data]])),
        ),
      ),
    ],
    async (data) => {
      if (typeof data === "string") return;
      const { violations, spec } = await checkObject(data);
      expect(spec !== undefined || violations.length > 0).toBe(true);
    },
  );
});
