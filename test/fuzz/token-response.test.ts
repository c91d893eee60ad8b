import fc from "fast-check";
import { describe, expect } from "vitest";
import type { TokenEndpoint } from "../../src/diagnosis/facts.js";
import { longestLifetime } from "../../src/lib/duration.js";
import { jwtClaims } from "../../src/lib/jwt-claims.js";
import { isScope } from "../../src/lib/scopes.js";
import { errorFields, registeredError } from "../../src/oauth/token-endpoint/oauth-error.js";
import { tokenRejection } from "../../src/oauth/token-endpoint/token-rejection.js";
import { readTokenResponse } from "../../src/oauth/token-endpoint/token-response.js";
import { jwtLifetime } from "../../src/tokens/jwt-lifetime.js";
import { assertDocumented, outcomeOf } from "./assert-documented.js";
import { altered, anyJson, canary, headerSafe, mangled, pieces } from "./garbage.js";
import { property } from "./property.js";

const now = Date.UTC(2026, 0, 1);
const presents = [
  "client",
  "platform_assertion",
  "signed_assertion",
  "subject_token",
  "identity",
  "id_jag",
] as const;

const endpoint: fc.Arbitrary<TokenEndpoint> = fc.record({
  grantType: fc.constant("client_credentials"),
  presents: fc.constantFrom(...presents),
  dpop: fc.boolean(),
  server: fc.constant("crm"),
  issuer: fc.constant("https://auth.example"),
  name: fc.constant("the token endpoint of https://auth.example"),
  credential: fc.constantFrom("secret", "key", "assertion", "certificate", "none"),
  hasClientId: fc.boolean(),
  hasIdDocument: fc.boolean(),
});

const visible = fc.string({ unit: fc.constantFrom(...'abcXYZ019-._~+/=!"\\'), minLength: 1, maxLength: 30 });
const scope = fc.string({ unit: fc.constantFrom(..."ab:/.-!#[]"), minLength: 1, maxLength: 8 });
const good = fc.record({
  access_token: visible,
  token_type: fc.constantFrom("Bearer", "bearer", "BEARER"),
  expires_in: fc.nat({ max: 1e9 }),
  scopes: fc.uniqueArray(scope, { minLength: 1, maxLength: 4 }),
});
const types = ["urn:ietf:params:oauth:token-type:access_token", "urn:ietf:params:oauth:token-type:jwt"];
const members = [
  "access_token",
  "token_type",
  "expires_in",
  "scope",
  "error",
  "error_description",
  "issued_token_type",
];
const object = good.map(({ scopes, ...rest }) => ({ ...rest, scope: scopes.join(" ") }));
const body = fc.oneof(
  altered(object, members).map((value) => JSON.stringify(value)),
  mangled(object.map((value) => JSON.stringify(value))),
  anyJson.map((value) => JSON.stringify(value)),
  pieces(
    "{",
    "}",
    '"access_token":',
    '"a"',
    ",",
    '"error":',
    '"invalid_client"',
    '"expires_in":',
    "\ufeff",
    "<html>",
  ),
);
const contentType = fc.oneof(
  {
    arbitrary: fc.constantFrom("application/json", "application/json;charset=utf-8", "application/x+json"),
    weight: 4,
  },
  { arbitrary: pieces("text/html", "application/json", ";", "/").map(headerSafe), weight: 1 },
);
const status = fc.oneof(fc.constant(200), fc.integer({ min: 200, max: 599 }));
const retryAfter = pieces(
  "1",
  "30",
  "-1",
  "Sun, 06 Nov 1994 08:49:37 GMT",
  "Sun Nov  6 08:49:37 1994",
  " ",
).map(headerSafe);

const answerOf = (statusCode: number, type: string, after: string, text: string) => ({
  response: {
    status: statusCode,
    headers: new Headers({ "content-type": type, "retry-after": after }),
    body: text,
  },
  scopes: ["asked"],
});

describe("responses of a token endpoint", () => {
  property("a token response is read unchanged", [good, endpoint], async ({ scopes, ...rest }, where) => {
    const text = JSON.stringify({ ...rest, scope: scopes.join(" ") });
    expect(await readTokenResponse(answerOf(200, "application/json", "", text), where, now)).toEqual({
      accessToken: rest.access_token,
      tokenType: "Bearer",
      expiresIn: Math.min(rest.expires_in, longestLifetime),
      scopes,
    });
  });

  property(
    "an arbitrary response of a token endpoint gives a token that fits into a header, or a failure that shows no text of it",
    [status, contentType, retryAfter, body, endpoint, fc.boolean()],
    async (statusCode, type, after, text, where, exchange) => {
      const wanted = exchange ? { issuedTypes: types, requestedType: types[1] } : {};
      const answer = answerOf(statusCode, type, after, text);
      const outcome = await outcomeOf(() => readTokenResponse(answer, where, now, wanted));
      if ("error" in outcome) {
        const { error } = outcome;
        assertDocumented(error, ["token_request_rejected", "token_response_invalid", "unavailable"]);
        expect(error.retryable || error.code !== "unavailable").toBe(true);
        expect(error.retryAfter ?? 0).toBeGreaterThanOrEqual(0);
        return;
      }
      const { accessToken, tokenType, expiresIn = 0, scopes } = outcome.value;
      expect(statusCode).toBeLessThan(300);
      expect(new Headers({ authorization: `Bearer ${accessToken}` }).get("authorization")).toBe(
        `Bearer ${accessToken}`,
      );
      expect(tokenType).toBe("Bearer");
      expect(expiresIn).toBeGreaterThanOrEqual(0);
      expect(expiresIn).toBeLessThanOrEqual(longestLifetime);
      expect(scopes.every(isScope)).toBe(true);
    },
  );

  const codes = [
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "server_error",
    "slow_down",
    "invalid_target",
    canary,
  ];
  property(
    "a refusal of a token endpoint is a failure that names the server and shows no text of the response",
    [
      endpoint,
      fc.integer({ min: 200, max: 599 }),
      fc.oneof(fc.constantFrom(...codes), anyJson),
      fc.option(fc.nat()),
    ],
    async (where, statusCode, error, after) => {
      const rejection = {
        status: statusCode,
        oauthError: registeredError(error),
        details: errorFields({ error }),
        retryAfter: after ?? undefined,
      };
      const failure = await tokenRejection(where, rejection);
      assertDocumented(failure, ["token_request_rejected", "unavailable"]);
      expect(failure.message).toContain('Server "crm"');
      expect(failure.retryable).toBe(failure.code === "unavailable");
    },
  );
});

const base64url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
const claims = fc.dictionary(fc.string({ maxLength: 6 }), fc.jsonValue({ maxDepth: 1 }), {
  maxKeys: 4,
  noNullPrototype: true,
});

describe("JWT claims", () => {
  property("JWT claims are read as they were written", [claims, visible], (written, signature) => {
    const jwt = `${base64url({ alg: "none" })}.${base64url(written)}.${signature.replaceAll(/[^\w-]/g, "-")}`;
    expect(jwtClaims(jwt)).toEqual(JSON.parse(JSON.stringify(written)));
  });

  property(
    "the claims of an arbitrary text are an object or undefined, and its lifetime is within the limits",
    [
      fc.oneof(
        pieces(".", "e30", "eyJleHAiOjF9", "=", "-", "_"),
        fc.tuple(anyJson, anyJson).map(([exp, iat]) => `e30.${base64url({ exp, iat })}.a`),
        mangled(anyJson.map((value) => `e30.${base64url(value)}.a`)),
      ),
      fc.option(fc.nat()),
    ],
    (text, at) => {
      expect(["object", "undefined"]).toContain(typeof jwtClaims(text));
      const lifetime = jwtLifetime(text, at ?? undefined) ?? 0;
      expect(lifetime >= 0 && lifetime <= longestLifetime * 1_000).toBe(true);
    },
  );
});
