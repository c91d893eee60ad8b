import fc from "fast-check";
import { expect, test } from "vitest";
import { formatViolation } from "../../src/config/format-violation.js";
import { checkConfig } from "../../src/config/load.js";
import { property } from "./property.js";

const literal = "s3cr3t-V4lue-0451";

const full = {
  version: 1,
  defaults: { timeout: "1s", retry: { attempts: 2, min: "1s" }, headers: { x: "y", z: { env: "Z" } } },
  store: { type: "memory" },
  network: { proxy: "http://proxy.example:1", ca: ["ca.pem"], allowInsecureHttp: ["a.example"] },
  keys: {
    agent: {
      privateKey: { file: "k", pointer: "/k" },
      passphrase: { env: "P", pointer: "/p" },
      alg: "ES256",
      kid: "1",
      certificate: { exec: ["cert", "x"], timeout: "1s", pointer: "/c" },
      certificateHeaders: ["x5t", "x5c"],
    },
    kms: { signer: { exec: ["sign", "x"], timeout: "1s", format: "der" }, alg: "ES256" },
    code: { signer: { name: "hsm" }, alg: "PS256" },
  },
  clients: {
    acme: {
      issuer: "https://auth.example",
      id: "https://agent.example/c.json",
      key: "agent",
      method: "private_key_jwt",
      assertionAudience: "token_endpoint",
      assertionLifetime: "2m",
      headers: { "x-plain": "y", "x-key": { env: "Z", pointer: "/z" } },
      assertionType: "JWT",
      metadata: {
        tokenEndpoint: "https://auth.example/token",
        mtlsTokenEndpoint: "https://mtls.example/token",
        authMethods: ["none", "private_key_jwt"],
        signingAlgorithms: ["ES256"],
      },
    },
    pod: { issuer: "https://auth.example", id: "b", assertion: { githubActions: { audience: "a" } } },
    tls: {
      issuer: "https://auth.example",
      id: "c",
      certificate: { cert: { file: "c" }, key: { resolver: "aws", ref: "k" }, passphrase: { env: "P" } },
    },
    basic: { issuer: "https://auth.example", id: "d", secret: { env: "S" }, basicEncoding: "raw" },
  },
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
      grant: {
        client: { issuer: "https://auth.example", id: "b", secret: { env: "S" } },
        resource: "https://three.example",
        audience: ["a"],
        params: { a: "b", c: { env: "C" } },
      },
      stepUp: ["a"],
      dpop: { key: "kms" },
    },
    four: {
      url: "https://four.example",
      grant: { type: "jwt_bearer", client: { issuer: "https://auth.example" }, assertion: { env: "A" } },
    },
    five: {
      url: "https://five.example",
      grant: {
        type: "jwt_bearer",
        client: "pod",
        assertion: {
          key: "code",
          issuer: "a",
          subject: "b",
          audience: "c",
          lifetime: "1m",
          claims: { d: ["e"] },
        },
      },
      dpop: true,
    },
    six: {
      url: "https://six.example",
      grant: {
        type: "token_exchange",
        client: "tls",
        subject: { token: { runtime: true }, type: "jwt" },
        actor: { token: { file: "t" }, type: "urn:a:b" },
        requestedType: "id_token",
      },
    },
    seven: {
      url: "https://seven.example",
      grant: {
        type: "enterprise_managed",
        client: "basic",
        idp: { client: "acme", subject: { token: { env: "T" } } },
      },
    },
  },
};

/** Returns the paths of a value and of everything inside of it. */
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
// Not the top itself: a string there would be the path of a file.
const place = fc.constantFrom(...places(full).slice(1));

property(
  "a config with arbitrary values in any place is valid or has violations, and no message shows a value",
  [place, place, secretive, anything],
  async (first, second, hidden, other) => {
    const config = replaced(replaced(full, second, other), first, hidden);
    const env = { FROM_ENV: literal };
    // The test passes configs of any shape, so the type cannot match.
    const { violations, spec } = await checkConfig({ config: config as never, cwd: "/", env });
    const failures = [...(spec?.servers.values() ?? [])].map((entry) =>
      "failure" in entry ? entry.failure : "",
    );
    const shown = [...violations.map(formatViolation), ...failures.map(String)].join("\n");
    expect(shown).not.toContain(literal);
    expect(spec !== undefined || violations.length > 0).toBe(true);
  },
);

test("the config is valid before a value is replaced", async () => {
  expect((await checkConfig({ config: full as never, cwd: "/", env: {} })).violations).toEqual([]);
});

test("one value in the wrong place is one violation", async () => {
  const crowded: string[] = [];
  for (const path of places(full).slice(1)) {
    for (const wrong of [true, null, [], 1e9]) {
      const { violations } = await checkConfig({
        config: replaced(full, path, wrong) as never,
        cwd: "/",
        env: {},
      });
      // Counts only violations at this place: without `clients` or `keys`, names elsewhere are undefined too.
      const about = violations.filter(({ pointer }) => pointer === `/${path.join("/")}`);
      if (about.length > 1) crowded.push(`${path.join("/")} ${JSON.stringify(violations)}`);
    }
  }
  expect(crowded).toEqual([]);
});
