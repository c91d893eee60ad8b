// Assertions on what the suite's servers received in one scenario, including headers and the identity provider (see
// `record-requests.mjs`).
import { checkDpopProofs } from "./check-dpop-proofs.mjs";

/**
 * Yields assertions on the received requests.
 *
 * @param requests the output of `record-requests.mjs`, in the order of arrival
 * @param context what the suite passed to the client
 * @param traffic what the suite recorded at its MCP server and authorization server
 * @param expected the expectations of the run
 */
export function* checkReceivedRequests(requests, context, traffic, expected) {
  const { issuer, issued } = traffic;
  const { grant, dpop, assertion } = expected;
  const parsed = requests.map(withParts);
  const posted = parsed.filter(({ method, path }) => method === "POST" && path.endsWith("/token"));
  const tokenRequests = posted.filter(({ origin }) => origin === originOf(issuer));
  const exchanges = posted.filter((request) => !tokenRequests.includes(request));
  // The first request goes to the MCP server, whose URL the client was told. The URL in the metadata may be wrong.
  const atMcpServer = parsed.filter(({ origin, path }) => origin === parsed[0]?.origin && isMcp(path));
  const authorized = atMcpServer.filter(({ authorization }) => authorization !== undefined);

  // Without requests, all following assertions would hold.
  yield ["the received requests were recorded", parsed.length > 0];
  yield [
    "the other servers receive only requests for metadata and tokens, and the identity provider at most one token request",
    parsed.every((request) => isForMetadata(request) || [...posted, ...atMcpServer].includes(request)) &&
      exchanges.length === (grant === "enterprise" ? 1 : 0),
  ];
  for (const request of tokenRequests) yield* checkTokenRequest(request, context, traffic);
  if (grant === "workload") yield* checkWorkload(tokenRequests, context[assertion ?? "valid_jwt"]);
  if (grant === "enterprise") yield* checkTokenExchange(exchanges[0], tokenRequests[0], context, traffic);
  yield [
    "the MCP server receives only issued tokens, with the right scheme",
    authorized.every(({ scheme, token }) => scheme === (dpop ? "DPoP" : "Bearer") && issued.includes(token)),
  ];
  yield ["an issued token is used", authorized.length > 0 === issued.length > 0];
  const { tokenEndpoint, dpopAlgorithms } = traffic;
  const proving = parsed.filter((request) => [...tokenRequests, ...authorized].includes(request));
  const known = { tokenRequests, authorized, tokenEndpoint, dpopAlgorithms, nonces: expected.nonces };
  if (dpop) yield* checkDpopProofs(proving, known);
  else yield ["no proof is sent without DPoP", parsed.every(({ header }) => header("dpop").length === 0)];
  yield* checkWhereCredentialsGo(parsed, { tokenRequests, exchanges, authorized }, context, traffic);
}

/** RFC 6749 §2.3.1 and §3.2, for all grants. */
function* checkTokenRequest({ header, authorization, fields }, context, { methods }) {
  const types = header("content-type").map((value) => value.split(";")[0]);
  yield ["a token request is a form", types.join() === "application/x-www-form-urlencoded"];
  const names = [...fields.keys()];
  yield ["no parameter is repeated", new Set(names).size === names.length];
  const { client_id: id, client_secret: secret } = context;
  const basic = `Basic ${Buffer.from(`${formEncoded(id)}:${formEncoded(secret)}`).toString("base64")}`;
  yield [
    "the client's own `Authorization: Basic` if the server lists it, or else none",
    authorization === (methods.includes("client_secret_basic") ? basic : undefined),
  ];
}

/** SEP-1933. Only the platform signs, and its JWT is passed on unchanged. */
function* checkWorkload(tokenRequests, jwt) {
  yield [
    "the assertion is the platform's JWT, byte for byte",
    jwt !== undefined && tokenRequests.every(({ fields }) => fields.get("assertion") === jwt),
  ];
  yield [
    "the request has neither a client assertion nor a secret",
    tokenRequests.every(({ fields }) => !fields.has("client_assertion") && !fields.has("client_secret")),
  ];
}

/** SEP-990: RFC 8693 at the identity provider, then RFC 7523 §2.1 at the authorization server. */
function* checkTokenExchange(exchange, tokenRequest, context, { issuer, resource }) {
  const field = (name) => exchange?.fields.getAll(name).join();
  const type = (name) => `urn:ietf:params:oauth:${name}`;
  yield ["the token exchange is at the identity provider", exchange?.origin === originOf(context.idp_issuer)];
  yield ["the token exchange comes before the token request", exchange?.at <= tokenRequest?.at];
  yield [
    "the grant of the exchange is token exchange",
    field("grant_type") === type("grant-type:token-exchange"),
  ];
  yield ["the exchange requests an ID-JAG", field("requested_token_type") === type("token-type:id-jag")];
  yield ["the exchange presents an ID token", field("subject_token_type") === type("token-type:id_token")];
  yield ["the ID token is the user's, byte for byte", field("subject_token") === context.idp_id_token];
  yield [
    "the `audience` of the exchange is the issuer of the authorization server",
    field("audience") === issuer,
  ];
  yield [
    "the `resource` of the exchange is the one in the metadata, byte for byte",
    field("resource") === resource,
  ];
  yield [
    "the client of the exchange is the one registered at the identity provider",
    field("client_id") === context.idp_client_id,
  ];
  yield [
    "the client of the exchange sends no secret",
    exchange?.authorization === undefined && !exchange?.fields.has("client_secret"),
  ];
}

/** A credential for one server reaches no other server, and a private key reaches none. */
function* checkWhereCredentialsGo(parsed, { tokenRequests, exchanges, authorized }, context, { issued }) {
  const staysWith = (secrets, requests) =>
    parsed.every((request) => requests.includes(request) || !carries(request, secrets));
  const { client_secret: secret, private_key_pem: pem = "", idp_id_token: idToken } = context;
  const jwts = [context.valid_jwt, context.wrong_audience_jwt, context.expired_jwt];
  const grants = tokenRequests.map(({ fields }) => fields.get("assertion"));
  yield [
    "the credentials for the token endpoint are sent only there",
    staysWith([secret, ...jwts, ...grants], tokenRequests),
  ];
  yield ["the user's token is sent only to the identity provider", staysWith([idToken], exchanges)];
  yield ["the access token is sent only to the MCP server", staysWith(issued, authorized)];
  yield [
    "the private key is not sent",
    staysWith(
      pem.split("\n").filter((line) => line.length > 40),
      [],
    ),
  ];
}

function carries({ url, headers, body, fields, authorization = "" }, secrets) {
  const basic = Buffer.from(authorization.split(" ")[1] ?? "", "base64").toString();
  const query = new URL(url).searchParams.values();
  const text = [url, ...query, ...headers.flat(), body, ...fields.values(), basic].join("\n");
  return secrets.some((secret) => secret && text.includes(secret));
}

function withParts(request) {
  const { origin, pathname: path } = new URL(request.url);
  const header = (wanted) => request.headers.filter(([name]) => name === wanted).map(([, value]) => value);
  const [authorization, ...more] = header("authorization");
  const [scheme, token] = more.length === 0 ? (authorization?.split(" ") ?? []) : [];
  const fields = new URLSearchParams(header("content-type").join().includes("form") ? request.body : "");
  return { ...request, origin, path, header, authorization, scheme, token, fields };
}

function isMcp(path) {
  return !path.includes("/.well-known/");
}

function isForMetadata({ method, path }) {
  return method === "GET" && path.includes("/.well-known/");
}

function originOf(url) {
  return url === undefined ? undefined : new URL(url).origin;
}

function formEncoded(text = "") {
  return new URLSearchParams([["", text]]).toString().slice(1);
}
