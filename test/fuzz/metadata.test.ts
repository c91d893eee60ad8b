import fc from "fast-check";
import { describe, expect } from "vitest";
import { checkResource } from "../../src/diagnosis/resource.js";
import { fetchAuthorizationServer } from "../../src/discovery/authorization-server.js";
import { findTarget } from "../../src/discovery/find-target.js";
import { MetadataCache } from "../../src/discovery/metadata-cache.js";
import { resourceLocations } from "../../src/discovery/metadata-locations.js";
import { findProtectedResource } from "../../src/discovery/protected-resource.js";
import { discover } from "../../src/index.js";
import { systemClock } from "../../src/lib/clock.js";
import type { Failure } from "../../src/net/failure.js";
import { assertDocumented, assertSilent, outcomeOf } from "./assert-documented.js";
import { altered, anyJson, canary, headerSafe, mangled, pieces } from "./garbage.js";
import { property } from "./property.js";

const issuer = "https://auth.example/tenant";
const url = "https://mcp.example/crm";
const host = fc.constantFrom(
  "auth.example",
  "AUTH.example",
  "mcp.example",
  "other.example",
  "10.0.0.1",
  "localhost",
  "[::1]",
);
const address = fc.oneof(
  fc
    .tuple(
      fc.constantFrom("https", "https", "http", "ftp"),
      host,
      fc.constantFrom("", "/", "/tenant", "/crm", "/crm/x", "/cr"),
    )
    .map(([scheme, name, path]) => `${scheme}://${name}${path}`),
  fc.constantFrom(
    `https://a.example/?${canary}`,
    `https://a.example/#${canary}`,
    `https://u:${canary}@a.example/`,
    canary,
  ),
  pieces("https://", "auth.example", "/tenant", "mcp.example", ":443", "?", "#", "@"),
);
const names = fc.uniqueArray(fc.constantFrom("a", "b:c", "private_key_jwt", "client_secret_basic", "ES256"), {
  maxLength: 3,
});

const authorizationServer = fc.record(
  {
    issuer: fc.oneof({ arbitrary: fc.constant(issuer), weight: 5 }, { arbitrary: address, weight: 1 }),
    token_endpoint: fc.oneof(
      { arbitrary: fc.constant(`${issuer}/token`), weight: 3 },
      { arbitrary: address, weight: 1 },
    ),
    token_endpoint_auth_methods_supported: names,
    token_endpoint_auth_signing_alg_values_supported: names,
    grant_types_supported: names,
    scopes_supported: names,
    dpop_signing_alg_values_supported: names,
    mtls_endpoint_aliases: fc.record({ token_endpoint: fc.constant("https://mtls.auth.example/token") }),
  },
  { requiredKeys: ["issuer", "token_endpoint"] },
);
const resource = fc.record(
  {
    resource: fc.oneof(fc.constantFrom(url, "https://mcp.example", "https://mcp.example/"), address),
    authorization_servers: fc.array(fc.oneof(fc.constant(issuer), address), { maxLength: 3 }),
    scopes_supported: fc.array(fc.constantFrom("a", "b:c", " ", `${canary} ${canary}`), { maxLength: 3 }),
    dpop_signing_alg_values_supported: names,
  },
  { requiredKeys: ["resource"] },
);
const members = [
  ...["issuer", "token_endpoint", "scopes_supported", "mtls_endpoint_aliases", "grant_types_supported"],
  ...["resource", "authorization_servers", "dpop_signing_alg_values_supported"],
];

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly challenge: string;
}

const answer = (document: fc.Arbitrary<Readonly<Record<string, unknown>>>): fc.Arbitrary<Answer> =>
  fc.record({
    status: fc.oneof(
      { arbitrary: fc.constant(200), weight: 6 },
      { arbitrary: fc.constantFrom(404, 404, 401, 301, 429, 503, 200, 599), weight: 2 },
    ),
    type: fc.oneof(
      { arbitrary: fc.constant("application/json"), weight: 9 },
      { arbitrary: pieces("text/html", "application/json", ";").map(headerSafe), weight: 1 },
    ),
    body: fc.oneof(
      { arbitrary: altered(document, members).map((value) => JSON.stringify(value)), weight: 4 },
      { arbitrary: mangled(document.map((value) => JSON.stringify(value))), weight: 1 },
      { arbitrary: anyJson.map((value) => JSON.stringify(value)), weight: 1 },
    ),
    challenge: pieces(
      "Bearer ",
      'resource_metadata="https://mcp.example/m"',
      ",",
      'scope="a"',
      "resource_metadata=",
      "https://",
    ).map(headerSafe),
  });

const anyAnswer = fc.oneof(answer(authorizationServer), answer(resource));

const respond = ({ status, type, body, challenge }: Answer): Response =>
  new Response(body, {
    status,
    headers: {
      "content-type": type,
      location: `https://a.example/?${canary}`,
      "www-authenticate": challenge,
      "retry-after": "1",
    },
  });

/** Sends the answers in turn, whatever is requested, and records the requested URLs. */
function answering(answers: readonly Answer[]) {
  const requestedUrls: string[] = [];
  const fetch = async (input: string | URL | Request): Promise<Response> => {
    const next = answers[requestedUrls.length % answers.length];
    requestedUrls.push(String(input));
    return next === undefined ? new Response("", { status: 404 }) : respond(next);
  };
  return { requestedUrls, fetch };
}

const withFetch = (fetch: typeof globalThis.fetch) => ({ fetch, clock: systemClock, timeout: 10_000 });
const isList = (value: unknown) =>
  value === undefined || (Array.isArray(value) && value.every((item) => typeof item === "string"));
const codes = [
  "discovery_failed",
  "issuer_mismatch",
  "resource_mismatch",
  "insecure_url",
  "unavailable",
] as const;

describe("authorization server metadata", () => {
  property(
    "well-formed authorization server metadata is read unchanged",
    [authorizationServer],
    async (document) => {
      const found = await fetchAuthorizationServer(
        withFetch(async () => Response.json({ ...document, issuer })),
        { issuer },
      );
      expect(found).toMatchObject({ ok: true, value: { metadata: { ...document, issuer } } });
    },
  );

  property(
    "arbitrary authorization server metadata is that of this issuer and well formed, or a failure",
    [answer(authorizationServer)],
    async (answer) => {
      const { fetch } = answering([answer]);
      const found = await fetchAuthorizationServer(withFetch(fetch), { issuer });
      if (!found.ok) return assertSilent(shownOf(found.failure));
      const { issuer: own, token_endpoint, mtls_endpoint_aliases: aliases, ...lists } = found.value.metadata;
      expect(own).toBe(issuer);
      expect(typeof token_endpoint).toBe("string");
      expect(aliases?.token_endpoint === undefined || URL.canParse(aliases.token_endpoint)).toBe(true);
      expect(Object.values(lists).every(isList)).toBe(true);
    },
  );
});

/** Returns a failure as text, without its details, which may contain text of servers. */
function shownOf({ details: _details, ...failure }: Failure): string {
  return JSON.stringify(failure);
}

describe("resource metadata", () => {
  const candidates = resourceLocations({ url, issuer });

  property(
    "arbitrary resource metadata is well formed, absent, or a failure",
    [fc.array(answer(resource), { maxLength: 3 })],
    async (answers) => {
      const found = await findProtectedResource(withFetch(answering(answers).fetch), url, candidates, {
        retries: false,
      });
      if (!found.ok) return assertSilent(shownOf(found.failure));
      if ("failure" in found.value) return assertSilent(shownOf(found.value.failure));
      const { resource: named = "r", ...lists } = found.value.metadata;
      expect(named).not.toBe("");
      expect(Object.values(lists).every(isList)).toBe(true);
    },
  );

  property(
    "resource metadata is accepted for a server only at its origin, and at its path or above",
    [address, address],
    (named, own) => {
      if (!URL.canParse(own)) return;
      const mismatch = checkResource(named, own);
      // The server's own URL may be shown.
      const shown = [own, new URL(own).href];
      if (mismatch !== undefined) {
        return assertSilent(shown.reduce((detail, url) => detail.replaceAll(url, ""), mismatch.detail));
      }
      const [found, wanted] = [new URL(named), new URL(own)];
      expect(found.origin).toBe(wanted.origin);
      expect(`${wanted.pathname}/`.startsWith(found.pathname)).toBe(true);
      expect(found.username + found.password + found.hash).toBe("");
    },
  );
});

const isSafe = (text: string): boolean => {
  const { protocol, username, password, hostname } = new URL(text);
  return (
    protocol === "https:" && username + password === "" && !/^(?:\[|[\d.]+$|.*localhost\.*$)/.test(hostname)
  );
};

describe("discovery from arbitrary responses", () => {
  property(
    "discovery from arbitrary responses finds the pinned issuer over https, or fails",
    [fc.array(anyAnswer, { maxLength: 4 })],
    async (answers) => {
      const { requestedUrls, fetch } = answering(answers);
      const cache = new MetadataCache({ fetch, clock: systemClock });
      const outcome = await outcomeOf(() =>
        findTarget(cache, { server: "crm", url, issuer, timeout: 10_000 }),
      );
      expect(requestedUrls.every((one) => /^https:\/\/(?:auth|mcp)\.example\//.test(one))).toBe(true);
      if ("error" in outcome) return assertDocumented(outcome.error, codes);
      const { authorizationServer, resource: sent = "" } = outcome.value;
      expect(authorizationServer.issuer).toBe(issuer);
      expect(isSafe(authorizationServer.token_endpoint)).toBe(true);
      expect(new URL(sent).origin).toBe("https://mcp.example");
    },
  );

  property(
    "discover() sends requests only over https for arbitrary responses, and returns a list or fails",
    [fc.array(anyAnswer, { maxLength: 5 })],
    async (answers) => {
      const { requestedUrls, fetch } = answering(answers);
      const outcome = await outcomeOf(() => discover(url, { fetch }));
      expect(requestedUrls.every(isSafe)).toBe(true);
      expect(requestedUrls.length).toBeLessThan(60);
      if ("error" in outcome) return assertDocumented(outcome.error, codes);
      expect(outcome.value.servers.every(({ tokenEndpoint }) => isSafe(tokenEndpoint))).toBe(true);
    },
  );
});
