import { SignJWT } from "jose";
import type { TokenEndpointGrantContext } from "oidc-provider";
import { type GrantServer, idJagType, issueAccessToken, verifyGrantJwt } from "./grant-server.js";
import type { TrustedIssuer } from "./token-issuer.js";

export const tokenExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";

const tokenType = {
  accessToken: "urn:ietf:params:oauth:token-type:access_token",
  idToken: "urn:ietf:params:oauth:token-type:id_token",
  jwt: "urn:ietf:params:oauth:token-type:jwt",
  idJag: "urn:ietf:params:oauth:token-type:id-jag",
} as const;

/** RFC 8693. The `aud` of a JWT must be this issuer, the `aud` of an ID token the client that sends it. */
export interface TokenExchangeOptions {
  /** The issuers whose JWTs are accepted as subject or actor token. Access tokens must be this server's own. */
  readonly issuers: readonly TrustedIssuer[];
  /** Whether a request may name no client. */
  readonly withoutClient?: boolean;
  /** Client ids at other authorization servers: by their issuer, then by client id here. Allows ID-JAGs for them. */
  readonly idJag?: { readonly clients: Readonly<Record<string, Readonly<Record<string, string>>>> };
}

interface TokenExchangeParams {
  readonly subject_token?: string;
  readonly subject_token_type?: string;
  readonly actor_token?: string;
  readonly actor_token_type?: string;
  readonly requested_token_type?: string;
  readonly audience?: string | string[];
}

export function registerTokenExchange(server: GrantServer, options: TokenExchangeOptions): void {
  const tokens = ["subject_token", "subject_token_type", "actor_token", "actor_token_type"];
  server.provider.registerGrantType<TokenExchangeParams>(
    tokenExchangeGrant,
    (context) => answer(server, options, context),
    [...tokens, "requested_token_type", "audience", "scope", "resource"],
    ["audience", "resource"],
  );
}

async function answer(
  server: GrantServer,
  options: TokenExchangeOptions,
  context: TokenEndpointGrantContext<TokenExchangeParams>,
): Promise<void> {
  const { oidc } = server;
  const { params } = context.oidc;
  const subject = await partyOf(server, options, context, params.subject_token, params.subject_token_type);
  if (subject === undefined) throw new oidc.errors.InvalidRequest("no subject");
  const actor = await partyOf(server, options, context, params.actor_token, params.actor_token_type);
  switch (params.requested_token_type) {
    case tokenType.idJag:
      return issueIdJag(server, options, context, subject);
    case undefined:
    case tokenType.accessToken:
      params.resource ??= params.audience;
      return issueAccessToken(server, context, { subject, actor, issuedTokenType: tokenType.accessToken });
    default:
      throw new oidc.errors.InvalidRequest("unsupported requested_token_type");
  }
}

/** Verifies a subject or actor token and returns its subject, or `undefined` if the request has no such token. */
async function partyOf(
  server: GrantServer,
  options: TokenExchangeOptions,
  context: TokenEndpointGrantContext,
  token: string | undefined,
  type: string | undefined,
): Promise<string | undefined> {
  const { oidc, provider, self } = server;
  if (token === undefined && type === undefined) return undefined;
  if (!token || !type) throw new oidc.errors.InvalidRequest("a token needs a token type, and the reverse");
  const requiredClaims = ["exp", "sub"];
  if (type === tokenType.jwt || type === tokenType.idToken) {
    const audience = type === tokenType.jwt ? provider.issuer : context.oidc.client.clientId;
    return (await verifyGrantJwt(server, options.issuers, token, { audience, requiredClaims })).sub;
  }
  if (type !== tokenType.accessToken) throw new oidc.errors.InvalidRequest("unsupported token type");
  const stored =
    (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token)) ?? undefined;
  if (stored === undefined)
    return (await verifyGrantJwt(server, [self], token, { typ: "at+jwt", requiredClaims })).sub;
  return stored.kind === "AccessToken" ? stored.accountId : stored.clientId;
}

/** Issues an ID-JAG (SEP-990): an assertion for another authorization server, valid for five minutes. */
async function issueIdJag(
  server: GrantServer,
  options: TokenExchangeOptions,
  context: TokenEndpointGrantContext<TokenExchangeParams>,
  subject: string,
): Promise<void> {
  const { oidc, provider } = server;
  const { params, client } = context.oidc;
  const { audience, resource, scope } = params;
  if (params.subject_token_type !== tokenType.idToken)
    throw new oidc.errors.InvalidRequest("not an ID token");
  if (typeof audience !== "string" || typeof resource !== "string") {
    throw new oidc.errors.InvalidRequest("not exactly one audience and one resource");
  }
  const clientId = options.idJag?.clients[audience]?.[client.clientId];
  if (clientId === undefined) throw new oidc.errors.InvalidTarget();
  const jwt = new SignJWT({ client_id: clientId, resource, ...(scope === undefined ? {} : { scope }) })
    .setIssuer(provider.issuer)
    .setSubject(subject)
    .setAudience(audience)
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime("5m");
  context.body = {
    issued_token_type: tokenType.idJag,
    access_token: await server.sign(jwt, idJagType),
    token_type: "N_A",
    expires_in: 300,
    ...(scope === undefined ? {} : { scope }),
  };
}
