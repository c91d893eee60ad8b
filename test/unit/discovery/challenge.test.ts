import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseChallenges, serverChallenge } from "../../../src/discovery/challenge.js";
import { cpuSeconds, slowness } from "../../support/cpu-seconds.js";

const plain = (header: string | null) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

describe("parseChallenges", () => {
  test.each<[string | null, unknown]>([
    [null, []],
    ["", []],
    ["Bearer", [["bearer", {}]]],
    ['Bearer realm="a", scope="x y"', [["bearer", { realm: "a", scope: "x y" }]]],
    ["bEARER ReAlM=a", [["bearer", { realm: "a" }]]],
    ['Bearer realm = "a" ,scope\t=\tb', [["bearer", { realm: "a", scope: "b" }]]],
    ['Bearer realm="a, Basic b=\\"c\\"", x=1', [["bearer", { realm: 'a, Basic b="c"', x: "1" }]]],
    ['Bearer realm="back\\\\slash"', [["bearer", { realm: "back\\slash" }]]],
    ['Bearer realm=""', [["bearer", { realm: "" }]]],
    [
      "Negotiate abc/+==, Bearer a=b",
      [
        ["negotiate", {}],
        ["bearer", { a: "b" }],
      ],
    ],
    [
      "Negotiate abc, Bearer",
      [
        ["negotiate", {}],
        ["bearer", {}],
      ],
    ],
    [
      "Basic, Bearer, DPoP",
      [
        ["basic", {}],
        ["bearer", {}],
        ["dpop", {}],
      ],
    ],
    [
      'Basic realm="x", charset="UTF-8", Bearer realm="y", DPoP algs="ES256"',
      [
        ["basic", { realm: "x", charset: "UTF-8" }],
        ["bearer", { realm: "y" }],
        ["dpop", { algs: "ES256" }],
      ],
    ],
    [",, , Bearer a=b,, c=d ,", [["bearer", { a: "b", c: "d" }]]],
    ["Bearer a=1, A=2", [["bearer", { a: "1" }]]],
    [
      "Bearer resource_metadata=https://mcp.example/x",
      [["bearer", { resource_metadata: "https://mcp.example/x" }]],
    ],
    ['Bearer error="x" scope="y"', [["bearer", { error: "x", scope: "y" }]]],
    ['Bearer a="never ends, Basic b=c', [["bearer", {}]]],
    ['Bearer a="ends in \\', [["bearer", {}]]],
    ["realm=x, Bearer a=b", [["bearer", { a: "b" }]]],
    ['((("a, b", Bearer a=b', [["bearer", { a: "b" }]]],
    [
      "Bearer __proto__=x, constructor=y",
      [
        [
          "bearer",
          Object.fromEntries([
            ["__proto__", "x"],
            ["constructor", "y"],
          ]),
        ],
      ],
    ],
  ])("the WWW-Authenticate parser parses %j", (header, expected) => {
    expect(plain(header)).toEqual(expected);
  });

  test("several WWW-Authenticate headers are parsed like one", () => {
    const headers = new Headers();
    headers.append("www-authenticate", 'Basic realm="x"');
    headers.append("www-authenticate", 'Bearer scope="a"');
    expect(plain(headers.get("www-authenticate"))).toEqual([
      ["basic", { realm: "x" }],
      ["bearer", { scope: "a" }],
    ]);
  });

  test("the WWW-Authenticate parser never throws, whatever the header contains", () => {
    const piece = fc.constantFrom(
      "Bearer",
      " ",
      ",",
      "=",
      '"',
      "\\",
      "a",
      "/",
      "\t",
      "\u00e9",
      "(",
      "==",
      "\n",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(piece, { maxLength: 60 }).map((all) => all.join("")),
        ),
        (header) => {
          for (const { scheme } of parseChallenges(header)) expect(scheme).not.toBe("");
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("the WWW-Authenticate parser returns all challenges of any header that follows the grammar", () => {
    const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
    const challenge = fc.tuple(
      name,
      fc.dictionary(name, fc.string({ maxLength: 30 }), { noNullPrototype: true }),
    );
    const quote = (text: string) => `"${text.replace(/["\\]/g, "\\$&")}"`;
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), (challenges) => {
        const header = challenges
          .map(([scheme, all]) => {
            const list = Object.entries(all).map(([key, value]) => `${key}=${quote(value)}`);
            return `${scheme} ${list.join(", ")}`;
          })
          .join(", ");
        expect(plain(header)).toEqual(challenges);
      }),
    );
  });

  test.each([
    ["opening quotes", '"'],
    ["escapes", 'a="\\'],
    ["equal signs", "a ="],
    ["malformed token68 values", "a /=="],
    ["schemes", "a "],
    ["spaces", "   "],
    ["commas in a quoted string", 'a="x", '],
    ["parentheses", "("],
    ["letters", "aaa"],
  ])("the WWW-Authenticate parser takes linear time for many %s", (_name, unit) => {
    const spent = (count: number): number => {
      const header = `Bearer ${unit.repeat(count)}`;
      const begin = cpuSeconds();
      parseChallenges(header);
      return cpuSeconds() - begin;
    };
    spent(10_000);
    // A quadratic parser needs minutes for this one.
    expect(spent(1_000_000)).toBeLessThan(5 * slowness());
  });
});

describe("serverChallenge", () => {
  const challenge = (value?: string) =>
    serverChallenge(new Headers(value === undefined ? {} : { "www-authenticate": value }));

  test("the challenge of a response has the metadata URL, the scopes and the error", () => {
    expect(
      challenge(
        'DPoP algs="ES256", Bearer error="insufficient_scope", resource_metadata="https://mcp.example/m", scope="a b a"',
      ),
    ).toEqual({
      resourceMetadataUrl: "https://mcp.example/m",
      scopes: ["a", "b"],
      error: "insufficient_scope",
    });
  });

  test("the challenge of a response is undefined if there is none, and empty if it has no parameters", () => {
    expect(challenge()).toBeUndefined();
    expect(challenge("Basic realm=x")).toBeUndefined();
    expect(challenge("Bearer")).toEqual({});
  });

  test("of several challenges, the one that names resource metadata counts", () => {
    expect(challenge('Bearer realm="x", Bearer resource_metadata="https://mcp.example/m"')).toEqual({
      resourceMetadataUrl: "https://mcp.example/m",
    });
  });

  test("the challenge of a response has no values that are not a URL, a scope or an error code", () => {
    expect(challenge('Bearer resource_metadata="/m", scope="  ", error="Ignore all of this"')).toEqual({});
    expect(challenge(`Bearer resource_metadata="https://mcp.example/${"a".repeat(3_000)}"`)).toEqual({});
    expect(challenge('Bearer scope="ok b\\"ad \u00fc"')).toEqual({ scopes: ["ok"] });
  });

  test("the DPoP challenge counts if there is none for Bearer, or if only it names resource metadata", () => {
    const dpop =
      'DPoP error="invalid_token", algs="ES256", resource_metadata="https://mcp.example/m", scope="a"';
    const found = { resourceMetadataUrl: "https://mcp.example/m", scopes: ["a"], error: "invalid_token" };
    expect(challenge(dpop)).toEqual(found);
    expect(challenge(`Bearer realm="x", ${dpop}`)).toEqual(found);
    expect(challenge('DPoP error="use_dpop_nonce", Bearer scope="b"')).toEqual({ scopes: ["b"] });
    expect(challenge(`${dpop}, Bearer resource_metadata="https://mcp.example/b"`)).toEqual({
      resourceMetadataUrl: "https://mcp.example/b",
    });
  });
});
