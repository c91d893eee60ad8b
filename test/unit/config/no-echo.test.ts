import fc from "fast-check";
import { expect, it } from "vitest";
import { formatViolation } from "../../../src/config/format-violation.js";
import { checkConfig } from "../../../src/config/load.js";

const literal = "s3cr3t-V4lue-0451";

const full = {
  version: 1,
  defaults: { timeout: "1s", retry: { attempts: 2, min: "1s" }, headers: { x: "y", z: { env: "Z" } } },
  store: { type: "memory" },
  keys: { agent: { privateKey: { file: "k" }, passphrase: { env: "P" }, alg: "ES256", kid: "1" } },
  clients: { acme: { issuer: "https://auth.example", id: "a", key: "agent", method: "private_key_jwt" } },
  servers: {
    one: {
      url: "https://one.example",
      grant: { type: "client_credentials", client: "acme", scopes: ["a", "b"] },
      refresh: { schedule: "* * * * *", timezone: "UTC", jitter: 0.1, ahead: "1s", idle: "1m" },
      reach: "path",
    },
    two: { url: "https://two.example", grant: { type: "static", token: { env: "T" }, lifetime: "1h" } },
    three: {
      url: "https://three.example",
      grant: { client: { issuer: "https://auth.example", id: "b", secret: { env: "S" } } },
    },
  },
};

/** Every place in a value, as the names that lead there. */
function places(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([name, inner]) => places(inner, [...path, name]))];
}

function replaced(value: unknown, [name, ...rest]: readonly string[], by: unknown): unknown {
  if (name === undefined) return by;
  const entries = Object.entries(value ?? {}).map(([each, inner]) => {
    return [each, each === name ? replaced(inner, rest, by) : inner] as const;
  });
  return Array.isArray(value) ? entries.map(([, inner]) => inner) : Object.fromEntries(entries);
}

const secretive = fc.oneof(
  fc.constantFrom(
    literal,
    `\${A:-${literal}}`,
    `https://u:${literal}@h.example`,
    `\${${literal}`,
    `x ${literal}`,
  ),
  fc.constant([literal]),
  fc.constant({ env: literal }),
  fc.constant({ other: literal }),
  fc.constant(`\${FROM_ENV}`),
);
const anything = fc.jsonValue({ maxDepth: 3 });
// Text at the top is a path.
const place = fc.constantFrom(...places(full).slice(1));

it("whatever stands at whatever place, every mistake is a violation and no text is echoed", async () => {
  await fc.assert(
    fc.asyncProperty(place, place, secretive, anything, async (first, second, hidden, other) => {
      const config = replaced(replaced(full, second, other), first, hidden);
      const env = { FROM_ENV: literal };
      // Configs of any shape are what this test is about.
      const { violations, spec } = await checkConfig({ config: config as never, cwd: "/", env });
      const failures = [...(spec?.servers.values() ?? [])].map((entry) =>
        "failure" in entry ? entry.failure : "",
      );
      const shown = [...violations.map(formatViolation), ...failures.map(String)].join("\n");
      expect(shown).not.toContain(literal);
      expect(spec !== undefined || violations.length > 0).toBe(true);
    }),
    { numRuns: 500 },
  );
});

it("finds the config clean before anything is replaced", async () => {
  expect((await checkConfig({ config: full as never, cwd: "/", env: {} })).violations).toEqual([]);
});

it("reports one thing put in the wrong place as one violation", async () => {
  const crowded: string[] = [];
  for (const path of places(full).slice(1)) {
    for (const wrong of [true, null, [], 1e9]) {
      const { violations } = await checkConfig({
        config: replaced(full, path, wrong) as never,
        cwd: "/",
        env: {},
      });
      // A missing `clients` or `keys` also leaves names undefined, a key that is none its method.
      const about = violations.filter(({ pointer }) => pointer === `/${path.join("/")}`);
      if (about.length > 1) crowded.push(`${path.join("/")} ${JSON.stringify(violations)}`);
    }
  }
  expect(crowded).toEqual([]);
});
