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

/** What is known of a config of some text. */
async function check(text: string, notation: Notation): Promise<CheckedConfig> {
  const file = join(folder, `config.${notation}`);
  await writeFile(file, text, { mode: 0o644 });
  return await checkConfig({ cliPath: file, cwd: folder, env });
}

/** As an object in code, of whatever type. */
const checkObject = (data: unknown): Promise<CheckedConfig> =>
  checkConfig({ config: data as never, cwd: folder, env });

const parts = ({ spec }: CheckedConfig) => spec && { servers: spec.servers, network: spec.network };

describe("a valid config", () => {
  property(
    "is the same in JSON with comments, in YAML and as an object",
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

/** Every place in a value, as the names that lead there. */
function places(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, inner]) => places(inner, [...path, name]))];
}

/** The same with another entry, or none, in place of the one at a path. */
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

// What is below these has names of its own.
const maps = new Set(["headers", "params", "claims", "keys", "clients", "servers"]);
const hasOwnNames = (path: readonly string[]): boolean => {
  const [top, , ...rest] = path;
  return (
    (path.length === 2 && maps.has(top ?? "")) ||
    rest.slice(0, -1).some((name) => ["headers", "params", "claims"].includes(name)) ||
    (top === "defaults" && path[1] === "headers" && path.length > 2)
  );
};

/** A slip of the finger: two letters change places, or one is missing, doubled or another. */
const slip = (name: string, kind: number, where: number): string => {
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

/** A config, a place in it, and numbers to choose with. */
const placed = config.chain((data) =>
  fc.tuple(
    fc.constant(data),
    fc.constantFrom(...places(data).slice(1)),
    fc.nat({ max: 3 }),
    fc.nat({ max: 20 }),
  ),
);

describe("one mistake is one violation", () => {
  property("where a property is unknown", [placed], async ([data, path]) => {
    if (hasOwnNames([...path, "x"])) return;
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
    "where a name is misspelt, which is mended where only one can be meant",
    [placed, fc.constantFrom<Notation>("json", "yaml")],
    async ([data, path, kind, where], notation) => {
      const name = path.at(-1) ?? "";
      if (name.length < 5 || /^\d/.test(name) || hasOwnNames(path)) return;
      const misspelt = slip(name, kind, where);
      if (misspelt === name) return;
      const wrong = rewritten(data, path, (_, value) => [[misspelt, value] as const]);
      const { violations, fixed } = await check(JSON.stringify(wrong), notation);
      expect(violations.map((violation) => violation.pointer)).toEqual([
        pointer([...path.slice(0, -1), misspelt]),
      ]);
      if (fixed === undefined) return;
      expect(JSON.parse(fixed.text)).toEqual(data);
    },
  );

  property("where a variable is not set", [placed], async ([data, path]) => {
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
    "where a secret is written as a variable, which is mended",
    [placed, fc.constantFrom<Notation>("json", "yaml")],
    async ([data, path], notation) => {
      let wasReference = false;
      const entry = (by: Data) => (name: string, value: Data) => {
        wasReference =
          ["secret", "privateKey", "cert", "passphrase"].includes(name) &&
          !hasOwnNames(path) &&
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
  property("is a config, or has violations that are in it", [texts], async ([text, notation]) => {
    const { violations, spec } = await check(text, notation);
    expect(spec !== undefined || violations.length > 0).toBe(true);
    const lines = text.replace(/^\ufeff/, "").split(/\r\n|\n|\r/);
    for (const { line = 0, column = 0, message } of violations) {
      expect(message).not.toBe("");
      expect(column).toBeGreaterThanOrEqual(1);
      expect(column).toBeLessThanOrEqual((lines[line - 1]?.length ?? -1) + 1);
    }
  });

  property("is mended in a few rounds, and no worse afterwards", [texts], async ([text, notation]) => {
    let last = text;
    for (let round = 0; round < 8; round += 1) {
      const { fixed } = await check(last, notation);
      if (fixed === undefined) return;
      expect(fixed.text).not.toBe(last);
      last = fixed.text;
    }
    throw new Error(`There is always more to mend: ${last}`);
  });

  property(
    "of an object is a config or not, and nothing is thrown",
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
