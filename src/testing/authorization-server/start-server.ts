import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { parseDuration } from "../duration.js";
import { authenticatedClient, presentedClient } from "./client-authentication.js";
import { grants } from "./grants.js";
import { IssuedTokens } from "./issued-tokens.js";
import { proofAlgorithms, supportedAlgorithms } from "./jwt.js";
import { invalidClient, OAuthError } from "./oauth-error.js";
import type {
  TestAuthorizationServer,
  TestAuthorizationServerOptions,
  TestFailure,
  TestTokenClaims,
} from "./public-types.js";
import { type RegisteredClient, registeredClients, verificationKeys } from "./registered-clients.js";
import { type Answer, answerTokenRequest, attempt, type TokenEndpoint } from "./token-endpoint.js";
import { UsedIds } from "./used-ids.js";

const metadataPath = "/.well-known/oauth-authorization-server";

const postEndpoints: ReadonlySet<string> = new Set(["/token", "/introspect", "/revoke"]);

/** More than any token request has. */
const maxBytes = 1_048_576;

export async function startServer(options: TestAuthorizationServerOptions): Promise<TestAuthorizationServer> {
  const lifetime = parseDuration(options.lifetime ?? "1h", "The lifetime of access tokens") / 1_000;
  const clients = registeredClients(options.clients);
  const issuers = new Map(
    Object.entries(options.issuers ?? {}).map(([issuer, { jwks }]) => [
      issuer,
      verificationKeys(jwks, `The "jwks" of the issuer "${issuer}"`),
    ]),
  );
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("The server has no port.");
  const issuer = `http://127.0.0.1:${address.port}`;
  const tokens = new IssuedTokens(issuer, lifetime);
  let failure: (TestFailure & { readonly status: number; times: number }) | undefined;
  const endpoint: TokenEndpoint = {
    ...{ issuer, url: `${issuer}/token`, tokens, clients, issuers },
    resources: options.resources,
    audiences: [issuer, `${issuer}/token`],
    usedAssertions: new UsedIds(),
    usedProofs: new UsedIds(),
    requests: [],
    nextFailure() {
      if (failure === undefined || failure.times === 0) return undefined;
      failure.times -= 1;
      return failure;
    },
  };
  server.on("request", (request, response) => {
    answerRequest(endpoint, request)
      .then((answer) => send(response, answer))
      // The client has hung up, or sent too much.
      .catch(() => response.destroy());
  });

  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
    await closing;
  };
  return {
    issuer,
    requests: endpoint.requests,
    issueToken: (claims) => tokens.issue(granted(claims, issuer)),
    issueRefreshToken: (claims) => tokens.issueRefreshToken(granted(claims, issuer)),
    rotateKeys: () => tokens.rotateKeys(),
    revoke: (token) => void tokens.revoke(token),
    isActive: (token) =>
      tokens.activeClaims(token) !== undefined || tokens.refreshTokenOf(token) !== undefined,
    fail(status, { times = Number.POSITIVE_INFINITY, ...besides } = {}) {
      if (!Number.isInteger(status) || status < 400 || status > 599)
        throw new RangeError("The status of a failure must be 400 to 599.");
      failure = { status, times, ...besides };
    },
    recover() {
      failure = undefined;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

function granted({ clientId, subject = clientId, audience, scopes = [] }: TestTokenClaims, issuer: string) {
  return { clientId, subject, audience: audience ?? issuer, scopes };
}

async function answerRequest(endpoint: TokenEndpoint, request: IncomingMessage): Promise<Answer> {
  const { pathname } = new URL(request.url ?? "/", endpoint.issuer);
  if (request.method === "GET") {
    if (pathname === metadataPath) return { status: 200, body: metadata(endpoint.issuer) };
    if (pathname === "/jwks") return { status: 200, body: endpoint.tokens.jwks };
    // RFC 6749 §3.2, RFC 7009 §2.1, RFC 7662 §2.1
    return postEndpoints.has(pathname) ? { status: 405, headers: { allow: "POST" } } : { status: 404 };
  }
  if (request.method !== "POST") return { status: 405 };
  const body = await readForm(request);
  switch (pathname) {
    case "/token":
      return answerTokenRequest(endpoint, request, body);
    case "/introspect":
      return attempt(request.headers.authorization, () => {
        const client = requestingClient(endpoint, request, body);
        // RFC 7662 §2.1: otherwise anybody could try tokens.
        if (client.secret === undefined && client.keys.length === 0)
          throw invalidClient("The client must authenticate.");
        return { status: 200, body: introspected(requiredToken(body), endpoint.tokens) };
      });
    case "/revoke":
      return attempt(request.headers.authorization, () => {
        const client = requestingClient(endpoint, request, body);
        const token = requiredToken(body);
        // RFC 7009 §2.1: a client can revoke only its own tokens. The response is the same.
        const { client_id } = endpoint.tokens.activeClaims(token) ?? {};
        const owner = client_id ?? endpoint.tokens.refreshTokenOf(token)?.clientId;
        if (owner === client.id) endpoint.tokens.revoke(token);
        return { status: 200 };
      });
    default:
      return { status: 404 };
  }
}

function requestingClient(
  endpoint: TokenEndpoint,
  { headers }: IncomingMessage,
  body: URLSearchParams,
): RegisteredClient {
  return authenticatedClient(presentedClient(headers.authorization, body), body, endpoint);
}

function requiredToken(body: URLSearchParams): string {
  const token = body.get("token");
  if (token === null || token === "")
    throw new OAuthError("invalid_request", "The parameter token is missing.");
  return token;
}

/** RFC 7662 §2.2. */
function introspected(token: string, tokens: IssuedTokens): object {
  const claims = tokens.activeClaims(token);
  if (claims !== undefined)
    return { active: true, token_type: "cnf" in claims ? "DPoP" : "Bearer", ...claims };
  const refresh = tokens.refreshTokenOf(token);
  return refresh === undefined ? { active: false } : { active: true, client_id: refresh.clientId };
}

/** RFC 8414 §2. */
function metadata(issuer: string): object {
  const methods = ["client_secret_basic", "client_secret_post", "private_key_jwt"];
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    introspection_endpoint: `${issuer}/introspect`,
    revocation_endpoint: `${issuer}/revoke`,
    response_types_supported: [],
    grant_types_supported: [...grants.keys()],
    token_endpoint_auth_methods_supported: [...methods, "none"],
    token_endpoint_auth_signing_alg_values_supported: supportedAlgorithms,
    introspection_endpoint_auth_methods_supported: methods,
    introspection_endpoint_auth_signing_alg_values_supported: supportedAlgorithms,
    revocation_endpoint_auth_methods_supported: [...methods, "none"],
    revocation_endpoint_auth_signing_alg_values_supported: supportedAlgorithms,
    dpop_signing_alg_values_supported: proofAlgorithms,
  };
}

async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > maxBytes) throw new RangeError("The body is too large.");
    chunks.push(chunk);
  }
  return new URLSearchParams(Buffer.concat(chunks).toString());
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  // RFC 6749 §5.1: tokens must not be cached.
  response.writeHead(status, {
    ...headers,
    "cache-control": "no-store",
    ...(body !== undefined && { "content-type": "application/json" }),
  });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
