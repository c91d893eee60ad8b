import fc from "fast-check";
import { describe, expect } from "vitest";
import { parseChallenges, serverChallenge, tokenChallenges } from "../../src/discovery/challenge.js";
import { isScope } from "../../src/lib/scopes.js";
import { anyCharacter, headerSafe, mangled, pieces } from "./garbage.js";
import { property } from "./property.js";

const token = fc.string({ unit: fc.constantFrom(..."!#$%&'*+.^_`|~0aZ-"), minLength: 1, maxLength: 8 });
const space = fc.constantFrom("", " ", "\t", "  ");
const text = fc.string({ unit: fc.constantFrom(...'ab=,;"\\ \t/{}[]~é!'), maxLength: 12 });

/** A parameter, and the way to write it. */
const parameter = fc.record({
  name: token,
  value: text,
  before: space,
  after: space,
  isUnquoted: fc.boolean(),
});

const challenge = fc.record({
  scheme: token,
  parameters: fc.uniqueArray(parameter, { selector: ({ name }) => name.toLowerCase(), maxLength: 4 }),
  token68: fc.option(fc.string({ unit: fc.constantFrom(..."aZ09-._~+/"), minLength: 1, maxLength: 9 })),
  padding: fc.constantFrom("", "=", "=="),
  comma: fc.constantFrom(",", ", ", " , ", ",,", ", ,\t"),
});
type Written = typeof challenge extends fc.Arbitrary<infer T> ? T : never;

const isToken = (value: string) => /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(value);

function write({ scheme, parameters, token68, padding, comma }: Written): string {
  if (parameters.length === 0) return token68 === null ? scheme : `${scheme} ${token68}${padding}`;
  const written = parameters.map(({ name, value, before, after, isUnquoted }) => {
    const quoted = `"${value.replaceAll(/[\\"]/g, "\\$&")}"`;
    return `${name}${before}=${after}${isUnquoted && isToken(value) ? value : quoted}`;
  });
  return `${scheme} ${written.join(comma)}`;
}

const expected = ({ scheme, parameters }: Written) => ({
  scheme: scheme.toLowerCase(),
  parameters: new Map(parameters.map(({ name, value }) => [name.toLowerCase(), value])),
});

const header = fc.tuple(
  fc.array(challenge, { minLength: 1, maxLength: 4 }),
  fc.constantFrom(",", ", ", " ,\t,"),
);

const garbage = fc.oneof(
  mangled(header.map(([challenges, comma]) => challenges.map(write).join(comma))),
  pieces(
    "Bearer",
    "DPoP",
    "Basic",
    " ",
    ",",
    "=",
    '"',
    "realm",
    "scope=",
    'scope="a b"',
    'error="insufficient_scope"',
    'resource_metadata="https://a.example/.well-known/oauth-protected-resource"',
    "resource_metadata=",
    "\\",
    "==",
  ),
);

describe("challenges", () => {
  property(
    "well-formed challenges are parsed to the values that they were written from",
    [header],
    ([challenges, comma]) => {
      expect(parseChallenges(challenges.map(write).join(comma))).toEqual(challenges.map(expected));
    },
  );

  property(
    "a well-formed challenge is parsed after arbitrary text without commas and quotes",
    [
      fc.string({ unit: anyCharacter, maxLength: 20 }).map((noise) => noise.replaceAll(/[,"]/g, "")),
      challenge,
    ],
    (noise, written) => {
      expect(parseChallenges(`${noise}, ${write(written)}`).at(-1)).toEqual(expected(written));
    },
  );

  property(
    "challenges in arbitrary text have tokens as schemes and names, and values that occur in the text",
    [garbage],
    (text) => {
      for (const { scheme, parameters } of parseChallenges(text)) {
        for (const name of [scheme, ...parameters.keys()]) {
          expect(isToken(name) && name === name.toLowerCase() && text.toLowerCase().includes(name)).toBe(
            true,
          );
        }
        const plain = text.replaceAll(/\\(.)/gs, "$1");
        for (const value of parameters.values()) {
          expect(value === "" || plain.includes(value) || text.includes(value)).toBe(true);
        }
      }
    },
  );

  property("challenges in an arbitrary header yield only URLs, scopes and error codes", [garbage], (text) => {
    const headers = new Headers({ "www-authenticate": headerSafe(text) });
    const read = [
      serverChallenge(headers),
      ...tokenChallenges(headers, "Bearer"),
      ...tokenChallenges(headers, "DPoP"),
    ];
    for (const { resourceMetadataUrl, scopes, error } of read.flatMap((one) => one ?? [])) {
      expect(resourceMetadataUrl === undefined || URL.canParse(resourceMetadataUrl)).toBe(true);
      expect(scopes === undefined || (scopes.length > 0 && scopes.every(isScope))).toBe(true);
      expect(new Set(scopes).size).toBe(scopes?.length ?? 0);
      expect(error ?? "none").toMatch(/^[a-z_]{1,64}$/);
    }
  });
});
