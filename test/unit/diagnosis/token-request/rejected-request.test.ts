import { describe, expect, test } from "vitest";
import type {
  AssertionFacts,
  Presented,
  Rejection,
  ScopeFacts,
  SentFacts,
  TokenEndpoint,
} from "../../../../src/diagnosis/facts.js";
import { findingText } from "../../../../src/diagnosis/finding.js";
import {
  adviceText,
  rejectionAdvice,
  rejectionFindings,
  rejectionProspects,
} from "../../../../src/diagnosis/token-request/rejected-request.js";
import { Secret } from "../../../../src/lib/secret.js";

const endpoint: TokenEndpoint = {
  server: "crm",
  issuer: "https://auth.example",
  name: "the token endpoint of https://auth.example",
  grantType: "client_credentials",
  presents: "client",
  dpop: false,
  credential: "secret",
  hasClientId: true,
};

const assertion = { alg: "RS256", typ: "JWT", kid: "k", kidFrom: "thumbprint", audience: "issuer" } as const;

/** Facts for every check. */
const sentEverything: SentFacts = {
  authentication: {
    method: "client_secret_basic",
    secret: { source: 'the environment variable "S"', value: new Secret('"s"'), basicEncoding: "form" },
    assertion: { alg: "ES256", typ: "JWT", kid: "k", kidFrom: "jwk", audience: "https://aud.example" },
    certificate: { isForClients: false },
  },
  assertion,
  scopes: { from: "challenge", configured: [] },
};

/** Without a secret, whose flaw would be the only finding. */
const withoutSecret: SentFacts = {
  ...sentEverything,
  authentication: {
    method: "private_key_jwt",
    assertion: { alg: "ES256", typ: "JWT", kid: "k", kidFrom: "jwk", audience: "https://aud.example" },
  },
};

const advice = (more: Partial<TokenEndpoint>, oauthError: string | undefined, status = 400) =>
  rejectionAdvice({ ...endpoint, ...more }, { status, oauthError })
    .map(findingText)
    .join(" ");

/** Expects at most three sentences, of which each cause is one. */
function expectShort(where: TokenEndpoint, answer: Rejection): void {
  const findings = rejectionAdvice(where, answer);
  const sentences = adviceText(findings).split(/(?<=\.) /);
  for (const { cause } of findings) if (cause !== undefined) expect(sentences).toContain(cause);
  expect(sentences.length).toBeLessThanOrEqual(3);
  for (const each of sentences) expect(each).toMatch(/^[A-Z"](?:[^.]|\.(?=[^ ]))*\.$/);
}

describe("rejectionAdvice", () => {
  test.each<[TokenEndpoint["credential"], string]>([
    ["secret", `the client's "id" and secret`],
    ["key", "the public half of this key"],
    ["assertion", 'trusts the issuer of its "assertion"'],
    ["certificate", "has this certificate or its subject registered"],
    ["none", "accepts it without a credential"],
  ])(
    "the advice for invalid_client, and for a 401 or 403 with any error, fits a client with the credential %s",
    (credential, text) => {
      expect(advice({ credential }, "invalid_client", 401)).toContain(text);
      for (const status of [401, 403]) {
        for (const code of [undefined, "server_error", "temporarily_unavailable"]) {
          expect(advice({ credential }, code, status), `${code} with ${status}`).toContain(text);
        }
      }
    },
  );

  test("the advice for invalid_client names the client id metadata document if its URL is the client's id", () => {
    const more = { credential: "key", hasIdDocument: true } as const;
    expect(advice(more, "invalid_client", 401)).toContain("accepts URLs of client id metadata documents");
    expect(advice({ ...more, credential: "secret" }, "invalid_client", 401)).toContain('"id" and secret');
  });

  test("the advice for invalid_client asks for a client id if the request has none", () => {
    const more = { credential: "none", hasClientId: false, presents: "platform_assertion" } as const;
    expect(advice(more, "invalid_client", 401)).toContain('Give the client its "id"');
  });

  test.each<[Presented, string]>([
    ["client", "registration"],
    ["platform_assertion", "the platform's token"],
    ["signed_assertion", 'of the grant\'s "assertion"'],
    ["subject_token", 'the "subject" of the grant'],
    ["refresh_token", "the refresh token"],
    ["identity", "the user's token"],
    ["id_jag", "what the identity provider https://idp.example issued"],
  ])(
    "the advice for invalid_grant is about the token or assertion that the request presents: %s",
    (presents, text) => {
      expect(advice({ presents, idp: "https://idp.example" }, "invalid_grant")).toContain(text);
    },
  );

  test("the advice for a dead refresh token names the command that put it into the store", () => {
    const text = advice({ presents: "refresh_token", isFromLogin: true }, "invalid_grant");
    expect(text).toContain("does not accept the refresh token");
    expect(text).toMatch(/Sign in again: npx mcp-auth-runtime login \w+$/);
    expect(advice({ presents: "refresh_token" }, "invalid_grant")).not.toContain("login");
  });

  test.each<[Presented, string]>([
    ["client", 'the "scopes", "resource", "audience" and "params" of the grant'],
    ["platform_assertion", '"params" of the grant'],
    ["id_jag", '"params" of the grant'],
    ["subject_token", 'the "subject" of the grant'],
    ["identity", "the user's token"],
  ])("the advice for invalid_request is about the request or the exchanged token: %s", (presents, text) => {
    expect(advice({ presents }, "invalid_request")).toContain(text);
  });

  test.each<[Presented, string]>([
    ["client", 'ask the operator of https://auth.example which "resource" or "audience" it knows'],
    ["platform_assertion", '"resource" or "audience"'],
    ["subject_token", '"resource" or "audience"'],
    ["identity", "by its issuer."],
  ])("the advice for invalid_target is about the resource or audience: %s", (presents, text) => {
    expect(advice({ presents }, "invalid_target")).toContain(text);
  });

  test("the advice for unsupported_grant_type is to enable the grant type or to use another one", () => {
    expect(advice({ grantType: "urn:example" }, "unsupported_grant_type")).toContain(
      "does not offer the grant type urn:example. Enable it there, or use another",
    );
  });

  test.each<[Partial<TokenEndpoint>, string, string]>([
    [{}, "use_dpop_nonce", 'Set "dpop" of this server to true'],
    [{}, "invalid_dpop_proof", 'Set "dpop" of this server to true'],
    [{ dpop: true }, "use_dpop_nonce", "does not accept the nonce that it sent"],
    [{ dpop: true }, "invalid_dpop_proof", "clock of this machine"],
    [{ presents: "identity" }, "use_dpop_nonce", "never has"],
  ])("the advice for a request with %j fits the DPoP error %s", (more, code, text) => {
    expect(advice(more, code)).toContain(text);
  });

  test("the advice is to correct the clock if the server rejects a signature and its clock differs from ours", () => {
    const more = { clockSkew: 90_000, credential: "key" } as const;
    const [clock, ...rest] = rejectionFindings(
      { ...endpoint, ...more },
      { status: 401, oauthError: "invalid_client" },
    );
    expect(clock?.cause).toContain(
      "The clock of https://auth.example is 90 s ahead of the clock of this machine",
    );
    expect(rest).toEqual([]);
    expect(advice(more, "invalid_scope")).not.toContain("clock");
  });

  test("the advice for every rejection names the authorization server", () => {
    const presented: readonly Presented[] = [
      ...(["client", "platform_assertion", "signed_assertion"] as const),
      ...(["subject_token", "refresh_token", "identity", "id_jag"] as const),
    ];
    const codes = [
      ...[
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_target",
        "invalid_scope",
        "slow_down",
      ],
      ...["unauthorized_client", "unsupported_grant_type", "access_denied", "use_dpop_nonce", undefined],
    ];
    for (const presents of presented) {
      for (const code of codes) expect(advice({ presents }, code)).toContain("https://auth.example");
    }
  });

  test("the advice has at most three sentences, and each cause is one", () => {
    const presented: readonly Presented[] = [
      ...(["client", "platform_assertion", "signed_assertion", "params"] as const),
      ...(["subject_token", "refresh_token", "identity", "id_jag"] as const),
    ];
    const codes = [
      ...[
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_target",
        "invalid_scope",
        "slow_down",
      ],
      ...["unauthorized_client", "unsupported_grant_type", "access_denied", "use_dpop_nonce", undefined],
    ];
    const credentials = ["secret", "key", "assertion", "certificate", "none"] as const;
    const requests = presented
      .flatMap((presents) => credentials.map((credential) => ({ presents, credential })))
      .flatMap((one) => [undefined, 900_000].map((clockSkew) => ({ ...one, clockSkew })));
    const answers = codes.flatMap((oauthError) =>
      [400, 401, 403, 404].map((status) => ({ status, oauthError })),
    );
    for (const request of requests) {
      for (const answer of answers) expectShort({ ...endpoint, ...request, sent: sentEverything }, answer);
    }
  });

  test("what a server explains moves the finding that fits to the front, and is not shown", () => {
    const sent = { authentication: { method: "client_secret_basic" } } as const;
    const ids = (explanation?: string) =>
      rejectionAdvice({ ...endpoint, sent }, { status: 401, oauthError: "invalid_client", explanation }).map(
        ({ id }) => id,
      );
    expect(ids()).toEqual(["client_secret", "other_secret_method"]);
    expect(ids("use client_secret_post, canary")).toEqual(["other_secret_method"]);
    expect(ids("client_secret_basic failed")).toEqual(["other_secret_method", "client_secret"]);
    expect(ids("use client_secret_basic or client_secret_post")).toEqual([
      "other_secret_method",
      "client_secret",
    ]);
    expect(ids(`${"x".repeat(10_000)} client_secret_post`)).toEqual(["client_secret", "other_secret_method"]);
    // What Ory Hydra says about every rejected client.
    expect(ids("no client authentication included, or unsupported authentication method")).toEqual([
      "client_secret",
      "other_secret_method",
    ]);
    const explanation = "canary of a server about scopes and its audience";
    for (const credential of ["secret", "key", "certificate"] as const) {
      const findings = rejectionFindings(
        { ...endpoint, credential, sent: sentEverything },
        { status: 401, oauthError: undefined, explanation, location: "canary" },
      );
      expect(JSON.stringify(findings)).not.toContain("canary");
    }
  });

  test.each<[string, Partial<TokenEndpoint>, string, string, string]>([
    [
      "an expired subject token",
      { presents: "subject_token" },
      "invalid_request",
      "Token expired",
      'The subject token has expired. Put a new one where the "subject" of the grant is read.',
    ],
    [
      "an expired token of a user",
      { presents: "subject_token", isForUser: true },
      "invalid_grant",
      "The token has expired",
      "The subject token has expired. Pass a new one to `for()`.",
    ],
    [
      "an expired actor token",
      { presents: "subject_token" },
      "invalid_grant",
      "actor_token has expired",
      'The actor token has expired. Put a new one where the "actor" of the grant is read.',
    ],
    [
      "an unknown kid",
      { credential: "key", sent: withoutSecret },
      "invalid_client",
      "no public key with this kid",
      "Register the public half of this key (npx mcp-auth-runtime keys jwks prints it) at https://auth.example, with " +
        'the "kid" k of the JWK. Or set the key\'s "kid" to the registered one; if it is registered without one, set it to false, which sends none.',
    ],
    [
      "an assertion with a signature that is not accepted",
      { presents: "signed_assertion", sent: withoutSecret },
      "invalid_grant",
      "Invalid JWT Signature.",
      'Register the public half of the key of the grant\'s "assertion" (npx mcp-auth-runtime keys jwks prints it) at ' +
        'https://auth.example, with the "kid" k, its thumbprint. Or set the key\'s "kid" to the registered one; if it is registered without one, set it to false, ' +
        "which sends none.",
    ],
    [
      "an assertion for another audience",
      { presents: "signed_assertion", sent: withoutSecret },
      "invalid_grant",
      "Invalid audience",
      'Set the "audience" of the grant\'s "assertion" to the one that https://auth.example expects (the assertion was ' +
        "for the issuer).",
    ],
    [
      "an algorithm that a key on a curve cannot change",
      { credential: "key", sent: withoutSecret },
      "invalid_client",
      "Unexpected signature alg",
      "Use a key for an algorithm that the server accepts: it was ES256.",
    ],
    [
      "a type",
      { credential: "key", sent: withoutSecret },
      "invalid_client",
      "unexpected typ",
      'Try the client\'s "assertionType": "client-authentication+jwt" (it was JWT).',
    ],
    [
      "a grant type, although the assertion is for another account",
      { presents: "signed_assertion", actsForOther: true },
      "unauthorized_client",
      "grant type not allowed",
      "Allow this client the grant type client_credentials at https://auth.example.",
    ],
    [
      "a disabled client",
      {},
      "unauthorized_client",
      "Client is disabled",
      "Enable the client at https://auth.example, and the grant type client_credentials for it.",
    ],
  ])("the advice stops at what a server decides: %s", (_, more, oauthError, explanation, text) => {
    const findings = rejectionAdvice({ ...endpoint, ...more }, { status: 400, oauthError, explanation });
    expect(adviceText(findings.filter(({ id }) => !id.startsWith("secret_")))).toBe(text);
  });

  test("a client secret that has expired is not taken for an expired subject token", () => {
    const findings = rejectionAdvice(
      { ...endpoint, presents: "subject_token" },
      { status: 400, oauthError: undefined, explanation: "The client secret has expired" },
    );
    expect(adviceText(findings)).not.toContain("The subject token has expired");
  });

  test("what else to try about an assertion is one sentence", () => {
    const findings = rejectionAdvice(
      { ...endpoint, credential: "key", sent: { authentication: { method: "private_key_jwt", assertion } } },
      { status: 401, oauthError: "invalid_client" },
    );
    expect(adviceText(findings)).toBe(
      'Check the client\'s "id", and that https://auth.example has the public half of this key (npx mcp-auth-runtime keys jwks prints it), with the "kid" k, its ' +
        'thumbprint. Or set the key\'s "kid" to the registered one; if it is registered without one, set it to false, ' +
        'which sends none. Otherwise, try the client\'s "assertionAudience": "token_endpoint" (the assertion was for the ' +
        'issuer), or the client\'s "assertionType": "client-authentication+jwt" (it was JWT), or another "alg" of the key ' +
        "(it was RS256).",
    );
  });

  test.each<[Partial<TokenEndpoint>, string]>([
    [
      { sent: { scopes: { from: "config", configured: ["a"] } } },
      'with exactly the "scopes" of the grant, or set the "subject" to the service account itself.',
    ],
    [
      { sent: { scopes: { from: "none", configured: [] } } },
      'with exactly the scopes of the claim "scope", or',
    ],
    [{ issuer: "https://auth.example" }, 'or set the "subject" to the account of the "issuer" itself.'],
  ])("a missing delegation is the only cause, and the config has another way: %j", (more, text) => {
    const google = "https://accounts.google.com";
    const where = { ...endpoint, issuer: google, presents: "signed_assertion", actsForOther: true } as const;
    const answer = { status: 401, oauthError: "unauthorized_client" };
    const findings = rejectionAdvice({ ...where, ...more }, answer);
    expect(findings).toHaveLength(1);
    expect(adviceText(findings)).toContain(text);
  });

  test("the other method for a secret is not named if the server lists only the one that was used", () => {
    const authentication = { method: "client_secret_post", listedMethods: ["client_secret_post"] } as const;
    const findings = rejectionAdvice(
      { ...endpoint, sent: { authentication } },
      { status: 401, oauthError: "invalid_client" },
    );
    expect(findings.map(({ id }) => id)).toEqual(["client_secret"]);
  });

  test.each<[number, readonly string[]]>([
    [401, ["client_secret", "access_denied"]],
    [403, ["access_denied", "client_secret"]],
    [400, ["access_denied"]],
  ])(
    "access_denied with %i is about the credential, what the client is allowed, or both",
    (status, expected) => {
      const findings = rejectionAdvice(endpoint, { status, oauthError: "access_denied" });
      expect(findings.map(({ id }) => id)).toEqual(expected);
    },
  );

  test.each<[ScopeFacts, string, string]>([
    [{ from: "config", configured: ["a", "b"] }, "scopes_of_config", 'Check the "scopes" of the grant (a b)'],
    [
      { from: "scopes_supported", configured: [] },
      "scopes_of_metadata",
      'the "scopes_supported" of the MCP server',
    ],
    [{ from: "challenge", configured: [] }, "scopes_of_challenge", "from a challenge of the MCP server"],
    [{ from: "call", configured: [] }, "scopes_of_call", "from a step-up, or from a call that names scopes"],
    [{ from: "none", configured: [] }, "no_scope", "The request had no scope."],
  ])("the advice for invalid_scope says where the scopes came from: %j", (scopes, id, text) => {
    const findings = rejectionAdvice(
      { ...endpoint, sent: { scopes } },
      { status: 400, oauthError: "invalid_scope" },
    );
    expect(findings.map((finding) => finding.id)).toEqual([id]);
    expect(findings.map(findingText).join()).toContain(text);
  });

  test.each<[Partial<AssertionFacts>, string]>([
    [{ kid: "a", kidFrom: "config" }, 'the "kid" a of the config'],
    [{ kid: "a", kidFrom: "jwk" }, 'the "kid" a of the JWK'],
    [{ kid: "a", kidFrom: "thumbprint" }, 'the "kid" a, its thumbprint'],
    [{ kid: "a\u202e" }, 'the "kid" a\\u202e'],
    [{}, 'no "kid". Or set the key\'s "kid" to the registered one.'],
  ])("the advice for a rejected assertion names its kid: %j", (facts, text) => {
    const assertion = { alg: "ES256", typ: "JWT", audience: "issuer", ...facts };
    const sent = { authentication: { method: "private_key_jwt", assertion } } as const;
    expect(advice({ credential: "key", sent }, "invalid_client", 401)).toContain(text);
  });

  test.each<[string, string]>([
    ["${CRM_SECRET}", "secret_is_placeholder"],
    ["<your client secret>", "secret_is_placeholder"],
    ['{"client_secret":"abc"}', "secret_is_json"],
    ["-----BEGIN PRIVATE KEY-----", "secret_is_private_key"],
    ["gehéim", "secret_not_ascii"],
    ["abc ", "secret_whitespace"],
  ])("the advice begins with what is wrong with the text of the secret, without it: %s", (text, id) => {
    const source = 'the environment variable "S"';
    const authentication = {
      method: "client_secret_post",
      secret: { source, value: new Secret(text) },
    } as const;
    const findings = rejectionAdvice(
      { ...endpoint, sent: { authentication } },
      { status: 401, oauthError: undefined },
    );
    expect(findings[0]?.id).toBe(id);
    for (const { cause = "A" } of findings) expect(cause).toMatch(/^[A-Z]/);
    expect(findings.map(findingText).join()).not.toContain(text);
  });
});

describe("rejectionProspects", () => {
  test("each change that can be tried is named by the remedy of its finding", () => {
    const rejections = [undefined, "invalid_client", "invalid_scope", "use_dpop_nonce"].map((oauthError) => ({
      status: 401,
      oauthError,
    }));
    const scopes = { from: "scopes_supported", configured: [] } as const;
    const named = rejections
      .flatMap((rejection) => [
        ...rejectionFindings({ ...endpoint, sent: { ...sentEverything, scopes } }, rejection),
        ...rejectionFindings(
          {
            ...endpoint,
            credential: "key",
            sent: { authentication: { method: "private_key_jwt", assertion } },
          },
          rejection,
        ),
      ])
      .flatMap(({ remedy, trials = [] }) => trials.map((trial) => ({ remedy, trial })));
    for (const { remedy, trial } of named) {
      const property = trial.place === "secret" ? "secret" : `"${trial.property}"`;
      expect(remedy).toContain(property);
    }
    expect(named.map(({ trial }) => (trial.place === "secret" ? "" : trial.property))).toEqual(
      expect.arrayContaining([
        "",
        "method",
        "kid",
        "assertionAudience",
        "assertionType",
        "alg",
        "scopes",
        "dpop",
      ]),
    );
  });

  test("a change can be tried although the message has no room for its finding", () => {
    const authentication = { method: "client_secret_basic" } as const;
    const where = { ...endpoint, presents: "subject_token", sent: { authentication } } as const;
    const rejection = { status: 400, oauthError: undefined };
    expect(rejectionAdvice(where, rejection).map(({ id }) => id)).not.toContain("other_secret_method");
    expect(rejectionProspects(where, rejection).trials).toContainEqual({
      ...{ place: "client", property: "method", value: "client_secret_post" },
    });
  });

  test("a change of the client of the identity provider says so", () => {
    const authentication = { method: "client_secret_basic" } as const;
    const where = { ...endpoint, presents: "identity", sent: { authentication } } as const;
    expect(rejectionProspects(where, { status: 401, oauthError: "invalid_client" }).trials).toEqual([
      { place: "client", isAtIdp: true, property: "method", value: "client_secret_post" },
    ]);
  });

  test.each<[string, Partial<TokenEndpoint>, Rejection]>([
    ["the clock is wrong", { clockSkew: 900_000, credential: "key" }, { status: 401, oauthError: undefined }],
    ["the client may not use the grant", {}, { status: 400, oauthError: "unauthorized_client" }],
    ["the server does not offer the grant", {}, { status: 400, oauthError: "unsupported_grant_type" }],
    ["there is no token endpoint", {}, { status: 404, oauthError: undefined }],
  ])("there is nothing to try if %s", (_, more, rejection) => {
    const sent = { authentication: { method: "client_secret_basic", assertion } } as const;
    expect(rejectionProspects({ ...endpoint, sent, ...more }, rejection).trials).toEqual([]);
  });

  test("a flaw that can be seen in the secret is the only finding of the message, and the rest is tried after it", () => {
    const where = { ...endpoint, sent: sentEverything };
    const answer = { status: 401, oauthError: undefined };
    expect(rejectionAdvice(where, answer).map(({ id }) => id)).toEqual(["secret_quotes"]);
    expect(rejectionProspects(where, answer).trials[0]).toEqual({ place: "secret" });
    expect(rejectionProspects(where, answer).remains.join(" ")).toContain(`the client's "id" and secret`);
  });

  test("a request of a client that was refused was not looked at, so nothing else of it is tried", () => {
    const scopes = { from: "scopes_supported", configured: [] } as const;
    const where = {
      ...endpoint,
      sent: { authentication: { method: "client_secret_basic" }, scopes },
    } as const;
    const placesAfter = (status: number) =>
      rejectionProspects(where, { status, oauthError: undefined }).trials.map(({ place }) => place);
    expect(placesAfter(400)).toEqual(["client", "grant"]);
    for (const status of [401, 403]) {
      expect(placesAfter(status)).toEqual(["client"]);
      expect(rejectionProspects(where, { status, oauthError: undefined }).isOpen).toBe(false);
    }
  });

  test("the assertion of a grant is tried for the other audience and with the other algorithm", () => {
    const where = {
      ...endpoint,
      presents: "signed_assertion",
      sent: { assertion },
      hasClientId: false,
    } as const;
    expect(rejectionProspects(where, { status: 400, oauthError: "invalid_grant" }).trials).toEqual([
      { place: "assertion_key", property: "kid", value: false },
      { place: "assertion", property: "audience", value: "token_endpoint" },
      { place: "assertion_key", property: "alg", value: "PS256" },
    ]);
  });
});
