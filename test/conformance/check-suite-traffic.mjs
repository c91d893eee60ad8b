// Assertions on the requests that the suite recorded, which the suite does not check for a machine client.

import { checkReceivedRequests } from "./check-received-requests.mjs";
import { claimsOf, headerOf } from "./jwt.mjs";

/**
 * Checks the requests of one scenario.
 *
 * @param checks the scenario's `checks.json`
 * @param {{ outcome: string, tokenRequests: number, unauthorized: number, grant: string, assertion?: string,
 *   dpop: boolean, nonces: boolean }} expected `tokenRequests`: their number at the authorization server. `grant`:
 *   `client_credentials`, `workload` (a JWT of the platform, which `assertion` selects) or `enterprise` (an ID-JAG).
 *   `dpop`: tokens must be bound. `nonces`: both servers require a DPoP nonce, so the first request to each is repeated.
 * @param {{ received: object[] | undefined, context: object } | undefined} run what the servers received and what the
 *   suite passed to the client, if the scenario ran alone
 * @returns {{ asserted: number, failures: string[] }}
 */
export function checkSuiteTraffic(checks, expected, run) {
  const traffic = readTraffic(checks);
  const isRefusal = expected.outcome === "issuer_mismatch" || expected.outcome === "resource_mismatch";
  const assertions = [
    ...(isRefusal ? checkRefusal(traffic) : checkTokenRequests(traffic, expected)),
    // According to the server, not to the client.
    ["tools are listed", traffic.answered("tools/list") || expected.outcome !== "called"],
    ["a tool is called only if expected", traffic.answered("tools/call") === (expected.outcome === "called")],
    ...(run === undefined ? [] : checkReceivedRequests(run.received ?? [], run.context, traffic, expected)),
    [
      "the token manager sends the MCP server no request without a token",
      traffic.unauthorized.length <= expected.unauthorized,
    ],
  ];
  const failures = assertions.filter(([, holds]) => !holds).map(([what]) => `does not hold: ${what}`);
  return { asserted: assertions.length, failures };
}

/** For a refusal, the suite also accepts a client that makes no request at all or that requests a token. */
function* checkRefusal({ authRequests, tokenRequests, resource }) {
  yield ["the resource metadata was read", resource !== undefined];
  yield ["no token is requested", tokenRequests.length === 0];
  yield ["the authorization server receives only metadata requests", authRequests.every(isForMetadata)];
}

function* checkTokenRequests(traffic, { tokenRequests: count, grant, nonces }) {
  const { tokenRequests, resource, scopesOf401, scopesSupported, challenges, methods } = traffic;
  yield [`there are ${count} token requests (found ${tokenRequests.length})`, tokenRequests.length === count];
  for (const [index, { body }] of tokenRequests.entries()) {
    yield [`the grant is ${grantTypes[grant]}`, body.grant_type === grantTypes[grant]];
    if (grant === "enterprise") yield* checkIdJag(body.assertion, traffic);
    yield [
      "`resource` is the one in the metadata, byte for byte",
      resource !== undefined && body.resource === resource,
    ];
    yield [
      "the secret is in the body exactly for client_secret_post",
      "client_secret" in body === methods.includes("client_secret_post"),
    ];
    const requested = body.scope?.split(" ") ?? [];
    const wanted = scopesOf401 ?? scopesSupported ?? [];
    if (index === 0)
      yield [
        "`scope` is the one in the 401, or else `scopes_supported`, or else absent",
        sameSet(requested, wanted),
      ];
    else if (nonces)
      yield ["the request is repeated unchanged with a nonce", sameRequest(body, tokenRequests[0].body)];
    else {
      const before = tokenRequests[index - 1].body.scope?.split(" ") ?? [];
      yield [
        "`scope` has the previous scopes and those of a challenge",
        challenges.some((scopes) => sameSet(requested, [...before, ...scopes])),
      ];
    }
  }
  const assertions = tokenRequests
    .map(({ body }) => body.client_assertion)
    .filter((jwt) => jwt !== undefined);
  yield [
    "an assertion is sent exactly if the server lists private_key_jwt",
    assertions.length > 0 === methods.includes("private_key_jwt"),
  ];
  for (const assertion of assertions) yield* checkAssertion(assertion, traffic);
}

const jwtBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const grantTypes = { client_credentials: "client_credentials", workload: jwtBearer, enterprise: jwtBearer };

/** SEP-990: the ID-JAG contains what was requested from the identity provider. */
function* checkIdJag(assertion, { issuer, resource }) {
  const header = headerOf(assertion);
  const claims = claimsOf(assertion);
  yield ["the assertion is an ID-JAG", header.typ === "oauth-id-jag+jwt"];
  yield ["the ID-JAG is for this authorization server", claims.aud === issuer];
  yield ["the ID-JAG is for this MCP server", claims.resource === resource];
}

/** RFC 7523, with the audience of its revision: the issuer as a single string. */
function* checkAssertion(assertion, { issuer, algorithms, tokenRequests }) {
  const header = headerOf(assertion);
  const claims = claimsOf(assertion);
  yield ["`aud` is the issuer as a single string", typeof claims.aud === "string" && claims.aud === issuer];
  yield ["`iss` and `sub` are the client", typeof claims.iss === "string" && claims.iss === claims.sub];
  yield ["`typ` is client-authentication+jwt", header.typ === "client-authentication+jwt"];
  yield ["`alg` is one that the server lists", algorithms.includes(header.alg)];
  yield ["`kid` is a thumbprint", /^[\w-]{43}$/.test(header.kid)];
  yield [
    "the assertion lives at most five minutes",
    claims.exp > claims.iat && claims.exp - claims.iat <= 300,
  ];
  yield [
    "the assertion has no `nbf`, which a server with a slow clock would refuse",
    claims.nbf === undefined,
  ];
  yield ["`jti` is unguessable", typeof claims.jti === "string" && claims.jti.length >= 16];
  yield [
    "no `client_id` is sent with an assertion",
    tokenRequests.every(({ body }) => body.client_id === undefined),
  ];
}

function readTraffic(checks) {
  const details = (id) => checks.filter((check) => check.id === id).map((check) => check.details);
  const responses = details("outgoing-response");
  const resourceMetadata = responses.find(({ body }) => body?.authorization_servers !== undefined)?.body;
  const serverMetadata = details("outgoing-auth-response").find(
    ({ body }) => body?.issuer !== undefined,
  )?.body;
  const unauthorized = responses.filter(({ path, statusCode }) => path === "/mcp" && statusCode === 401);
  const authRequests = details("incoming-auth-request");
  return {
    authRequests,
    tokenRequests: authRequests.filter(({ method, path }) => method === "POST" && path.endsWith("/token")),
    unauthorized,
    answered: (method) =>
      responses.some(({ mcpMethod, statusCode }) => mcpMethod === method && statusCode === 200),
    resource: resourceMetadata?.resource,
    scopesSupported: resourceMetadata?.scopes_supported,
    issuer: serverMetadata?.issuer,
    tokenEndpoint: serverMetadata?.token_endpoint,
    dpopAlgorithms: serverMetadata?.dpop_signing_alg_values_supported ?? [],
    issued: details("outgoing-auth-response").flatMap(({ body }) => body?.access_token ?? []),
    methods: serverMetadata?.token_endpoint_auth_methods_supported ?? [],
    algorithms: serverMetadata?.token_endpoint_auth_signing_alg_values_supported ?? [],
    scopesOf401: unauthorized.map(challengedScopes).find((scopes) => scopes !== undefined),
    challenges: responses.map(challengedScopes).filter((scopes) => scopes !== undefined),
  };
}

function challengedScopes({ headers }) {
  return /\bscope="([^"]*)"/.exec(headers?.["www-authenticate"] ?? "")?.[1]?.split(" ");
}

function isForMetadata({ method, path }) {
  return method === "GET" && path.includes("/.well-known/");
}

function isWithin(some, all) {
  return some.every((value) => all.includes(value));
}

function sameRequest(one, other) {
  return JSON.stringify(one) === JSON.stringify(other);
}

function sameSet(one, other) {
  return isWithin(one, other) && isWithin(other, one);
}
