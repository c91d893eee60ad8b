import type { Granted, IssuedTokens } from "./issued-tokens.js";
import { verifyJwt } from "./jwt.js";
import { assertFresh, isAudience } from "./jwt-claims.js";
import { OAuthError } from "./oauth-error.js";
import type { RegisteredClient, VerificationKey } from "./registered-clients.js";

export interface GrantRequest {
  /** Absent if the request names no client. */
  readonly client: RegisteredClient | undefined;
  readonly body: URLSearchParams;
  readonly jkt: string | undefined;
}

export interface GrantServer {
  readonly issuer: string;
  readonly tokens: IssuedTokens;
  /** The values of `aud` that name this server. */
  readonly audiences: readonly string[];
  /** The keys of other issuers, by `iss`. */
  readonly issuers: ReadonlyMap<string, readonly VerificationKey[]>;
  /** The resources that can be requested. `undefined`: all. */
  readonly resources: readonly string[] | undefined;
}

type TokenResponse = Readonly<Record<string, string | number>>;
type Grant = (request: GrantRequest, server: GrantServer) => TokenResponse;

const tokenTypePrefix = "urn:ietf:params:oauth:token-type:";

/** The types of RFC 8693 §3 that a JWT of this server or of another issuer can have. */
const subjectTokenTypes = ["access_token", "id_token", "jwt"];

/** The grants by `grant_type`. */
export const grants: ReadonlyMap<string, Grant> = new Map<string, Grant>([
  [
    // RFC 6749 §4.4
    "client_credentials",
    (request, server) => {
      const client = knownClient(request);
      if (client.secret === undefined && client.keys.length === 0)
        throw new OAuthError("unauthorized_client", "A public client cannot use this grant.");
      return issue({ subject: client.id }, request, server);
    },
  ],
  [
    // RFC 7523 §2.1
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    (request, server) => {
      const claims = foreignClaims(required(request.body, "assertion"), server);
      if (!server.audiences.some((audience) => isAudience(claims.aud, audience)))
        throw invalidGrant("The aud of the assertion must be the issuer.");
      return issue({ subject: claims.sub }, request, server);
    },
  ],
  [
    // RFC 8693
    "urn:ietf:params:oauth:grant-type:token-exchange",
    (request, server) => {
      const { body } = request;
      if (body.has("actor_token_type") && !body.has("actor_token"))
        throw new OAuthError("invalid_request", "There is an actor_token_type, and no actor_token.");
      const subject = exchangedSubject(body, "subject", server);
      const actor = body.has("actor_token") ? exchangedSubject(body, "actor", server) : undefined;
      const accessToken = `${tokenTypePrefix}access_token`;
      if (![accessToken, `${tokenTypePrefix}jwt`].includes(body.get("requested_token_type") ?? accessToken))
        throw new OAuthError("invalid_request", "Only access tokens can be requested.");
      return { ...issue({ subject, actor }, request, server), issued_token_type: accessToken };
    },
  ],
  [
    // RFC 6749 §6
    "refresh_token",
    (request, server) => {
      const { tokens } = server;
      const token = required(request.body, "refresh_token");
      const granted = tokens.refreshTokenOf(token);
      const client = knownClient(request);
      if (granted?.clientId !== client.id)
        throw invalidGrant("The refresh token is not one of this client, or was used.");
      const scopes = requestedScopes(request) ?? granted.scopes;
      if (scopes.some((scope) => granted.scopes.length > 0 && !granted.scopes.includes(scope)))
        throw new OAuthError("invalid_scope", "The refresh token does not have this scope.");
      const response = issue({ ...granted, scopes }, request, server);
      tokens.revoke(token);
      return { ...response, refresh_token: tokens.issueRefreshToken(granted) };
    },
  ],
]);

function issue(
  known: Partial<Granted> & Pick<Granted, "subject">,
  request: GrantRequest,
  { tokens, issuer, resources }: GrantServer,
): TokenResponse {
  const { client, jkt } = request;
  const scopes = known.scopes ?? requestedScopes(request) ?? client?.scopes ?? [];
  const granted = {
    ...known,
    clientId: client?.id ?? known.subject,
    audience: requestedAudience(request.body, resources) ?? known.audience ?? issuer,
    ...{ scopes, jkt },
  };
  return {
    access_token: tokens.issue(granted),
    token_type: jkt === undefined ? "Bearer" : "DPoP",
    expires_in: tokens.lifetime,
    ...(scopes.length > 0 && { scope: scopes.join(" ") }),
  };
}

/** Returns the scopes in the request, `undefined` without any. Throws `invalid_scope` for one that is not allowed. */
function requestedScopes({ client, body }: GrantRequest): readonly string[] | undefined {
  const scopes = (body.get("scope") ?? "").split(" ").filter((scope) => scope !== "");
  const allowed = client?.scopes;
  if (allowed !== undefined && scopes.some((scope) => !allowed.includes(scope)))
    throw new OAuthError("invalid_scope", "The client may not have this scope.");
  return scopes.length === 0 ? undefined : scopes;
}

/** Returns the resources (RFC 8707), else the audiences (RFC 8693 §2.1). Throws `invalid_target`. */
function requestedAudience(
  body: URLSearchParams,
  known: readonly string[] | undefined,
): string | readonly string[] | undefined {
  const resources = body.getAll("resource");
  if (resources.some((resource) => !URL.canParse(resource) || resource.includes("#")))
    throw new OAuthError("invalid_target", "A resource must be an absolute URI without a fragment.");
  if (known !== undefined && resources.some((resource) => !known.includes(resource)))
    throw new OAuthError("invalid_target", "The server does not know this resource.");
  const [first, ...others] = resources.length > 0 ? resources : body.getAll("audience");
  return first === undefined || others.length === 0 ? first : [first, ...others];
}

/** Returns the `sub` of a token of this server, or of a JWT of another issuer. */
function exchangedSubject(body: URLSearchParams, role: "subject" | "actor", server: GrantServer): string {
  const token = required(body, `${role}_token`);
  const type = required(body, `${role}_token_type`);
  if (!subjectTokenTypes.some((known) => type === `${tokenTypePrefix}${known}`))
    throw new OAuthError("invalid_request", `The server does not know this ${role}_token_type.`);
  const own = server.tokens.activeClaims(token);
  // Not invalid_grant: RFC 8693 §2.2.2.
  return own === undefined ? foreignClaims(token, server, "invalid_request").sub : String(own["sub"]);
}

/** Returns the claims of a JWT of another issuer. Throws this error for any other text. */
function foreignClaims(
  jwt: string,
  { issuers }: GrantServer,
  error = "invalid_grant",
): { readonly sub: string; readonly aud: unknown } {
  const invalid = (description: string): OAuthError => new OAuthError(error, description);
  const verified = [...issuers]
    .map(([issuer, keys]) => ({ issuer, claims: verifyJwt(jwt, keys)?.claims }))
    .find(({ issuer, claims }) => claims?.["iss"] === issuer);
  if (verified?.claims === undefined) throw invalid("No known issuer has signed the token.");
  assertFresh(verified.claims, invalid);
  const { sub, aud } = verified.claims;
  if (typeof sub !== "string") throw invalid("The token has no sub.");
  return { sub, aud };
}

function knownClient({ client }: GrantRequest): RegisteredClient {
  if (client === undefined) throw new OAuthError("invalid_client", "The request names no client.", 401);
  return client;
}

function required(body: URLSearchParams, name: string): string {
  const value = body.get(name);
  if (value === null || value === "")
    throw new OAuthError("invalid_request", `The parameter ${name} is missing.`);
  return value;
}

function invalidGrant(description: string): OAuthError {
  return new OAuthError("invalid_grant", description);
}
