import fc from "fast-check";
import { describe, expect } from "vitest";
import { interpolate } from "../../src/config/interpolate.js";
import { pieces } from "./garbage.js";
import { property } from "./property.js";

type Environment = Readonly<Record<string, string>>;

/** A second implementation of interpolation: it reads from left to right, and follows the documentation. */
function expectedInterpolation(
  text: string,
  env: Environment,
): { value: string; missing: ReadonlySet<string>; malformed: boolean } {
  const missing = new Set<string>();
  let [value, malformed, at] = ["", false, 0];
  while (at < text.length) {
    const rest = text.slice(at);
    if (rest.startsWith("$${")) {
      value += "${";
      at += 3;
      continue;
    }
    if (!rest.startsWith("${")) {
      value += rest.slice(0, 1);
      at += 1;
      continue;
    }
    const inside = rest.slice(2, rest.indexOf("}"));
    const [, name, , fallback] = /^(?:env:)?([A-Za-z_]\w*)(:-(.*))?$/s.exec(inside) ?? [];
    if (name === undefined || !rest.includes("}") || inside.includes("${")) {
      malformed = true;
      value += "${";
      at += 2;
      continue;
    }
    const set = Object.hasOwn(env, name) ? env[name] : undefined;
    if (set === undefined && fallback === undefined) missing.add(name);
    value += fallback !== undefined && (set === undefined || set === "") ? fallback : (set ?? "");
    at += inside.length + 3;
  }
  return { value: malformed || missing.size > 0 ? text : value, missing, malformed };
}

const text = pieces(
  ...[
    "${",
    "$${",
    "}",
    "${A}",
    "${env:A}",
    "${A:-x}",
    "${EMPTY:-y}",
    "${env:-z}",
    "${NOT_SET}",
    "${env:NOT_SET:-}",
  ],
  ...["${toString}", "${__proto__}", "${1}", "${A", ":-", "env:", "$", "{", "https://", "a b"],
);
const env = { A: "1", EMPTY: "", env: "e", B: "${A}" };
const environment = fc.dictionary(fc.constantFrom("A", "EMPTY", "env", "B", "x"), text, {
  noNullPrototype: true,
});

describe("interpolation", () => {
  property(
    "interpolation does what the documentation says, in one pass",
    [text, fc.oneof(fc.constant<Environment>(env), environment)],
    (written, variables) => {
      const { value, missing, mistakes } = interpolate({ url: written }, variables);
      const expected = expectedInterpolation(written, variables);
      expect({ ...(value as object) }).toEqual({ url: expected.value });
      expect(new Set(missing.map(({ name }) => name))).toEqual(expected.missing);
      expect(mistakes.length).toBe(expected.malformed ? 1 : 0);
    },
  );

  property(
    "interpolation of an escaped text returns the original text",
    [text, environment],
    (written, variables) => {
      const { value, missing, mistakes } = interpolate(
        { url: written.replaceAll("${", () => "$${") },
        variables,
      );
      expect([{ ...(value as object) }, missing, mistakes]).toEqual([{ url: written }, [], []]);
    },
  );

  const secrets = fc.constantFrom(
    ["grant", "client", "secret"],
    ["grant", "token"],
    ["headers", "x", "env"],
    ["grant", "client", "key", "signer", "exec", "0"],
  );
  property(
    "interpolation leaves secrets and commands unchanged",
    [text, environment, secrets],
    (written, variables, path) => {
      const holder = path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), written);
      // Always JSON, because it was built from objects and a text.
      const { value, missing, mistakes } = interpolate({ servers: { crm: holder as never } }, variables);
      expect(JSON.stringify(value)).toBe(JSON.stringify({ servers: { crm: holder } }));
      expect([missing, mistakes]).toEqual([[], []]);
    },
  );
});
