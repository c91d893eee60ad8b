import { SignJWT } from "jose";
import type { TokenEndpointGrantContext } from "oidc-provider";
import { type GrantSetting, idJagType, issueAccessToken, verified } from "./grant-setting.js";
import type { TrustedIssuer } from "./token-issuer.js";

export const tokenExchangeGrant = "urn:ietf:params:oauth:grant-type:token-exchange";

const tokenType = {
  accessToken: "urn:ietf:params:oauth:token-type:access_token",
  idToken: "urn:ietf:params:oauth:token-type:id_token",
  jwt: "urn:ietf:params:oauth:token-type:jwt",
  idJag: "urn:ietf:params:oauth:token-type:id-jag",
} as const;

/** RFC 8693. JWTs are for this issuer by `aud`, ID tokens for the client that sends them. */
export interface TokenExchangeOptions {
  /** Whose JWTs are taken as subject or actor; access tokens are this server's own. */
  readonly issuers: readonly TrustedIssuer[];
  /** For which authorization servers (by issuer) ID-JAGs are made, with the id that a client of ours has there. */
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

export function registerTokenExchange(setting: GrantSetting, options: TokenExchangeOptions): void {
  const tokens = ["subject_token", "subject_token_type", "actor_token", "actor_token_type"];
  setting.provider.registerGrantType<TokenExchangeParams>(
    tokenExchangeGrant,
    (context) => answer(setting, options, context),
    [...tokens, "requested_token_type", "audience", "scope", "resource"],
    ["audience", "resource"],
  );
}

async function answer(
  setting: GrantSetting,
  options: TokenExchangeOptions,
  context: TokenEndpointGrantContext<TokenExchangeParams>,
): Promise<void> {
  const { oidc } = setting;
  const { params } = context.oidc;
  const subject = await partyOf(setting, options, context, params.subject_token, params.subject_token_type);
  if (subject === undefined) throw new oidc.errors.InvalidRequest("no subject");
  const actor = await partyOf(setting, options, context, params.actor_token, params.actor_token_type);
  switch (params.requested_token_type) {
    case tokenType.idJag:
      return issueIdJag(setting, options, context, subject);
    case undefined:
    case tokenType.accessToken:
      params.resource ??= params.audience;
      return issueAccessToken(setting, context, { subject, actor, issuedTokenType: tokenType.accessToken });
    default:
      throw new oidc.errors.InvalidRequest("such tokens are not issued");
  }
}

/** Whom a subject or actor token stands for; `undefined` where there is none. */
async function partyOf(
  setting: GrantSetting,
  options: TokenExchangeOptions,
  context: TokenEndpointGrantContext,
  token: string | undefined,
  type: string | undefined,
): Promise<string | undefined> {
  const { oidc, provider, self } = setting;
  if (token === undefined && type === undefined) return undefined;
  if (!token || !type) throw new oidc.errors.InvalidRequest("a token and its type go together");
  const requiredClaims = ["exp", "sub"];
  if (type === tokenType.jwt || type === tokenType.idToken) {
    const audience = type === tokenType.jwt ? provider.issuer : context.oidc.client.clientId;
    return (await verified(setting, options.issuers, token, { audience, requiredClaims })).sub;
  }
  if (type !== tokenType.accessToken) throw new oidc.errors.InvalidRequest("such tokens are not taken");
  const stored =
    (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token)) ?? undefined;
  if (stored === undefined)
    return (await verified(setting, [self], token, { typ: "at+jwt", requiredClaims })).sub;
  return stored.kind === "AccessToken" ? stored.accountId : stored.clientId;
}

/** SEP-990: the assertion for another authorization server, valid for five minutes. */
async function issueIdJag(
  setting: GrantSetting,
  options: TokenExchangeOptions,
  context: TokenEndpointGrantContext<TokenExchangeParams>,
  subject: string,
): Promise<void> {
  const { oidc, provider } = setting;
  const { params, client } = context.oidc;
  const { audience, resource, scope } = params;
  if (params.subject_token_type !== tokenType.idToken)
    throw new oidc.errors.InvalidRequest("not an ID token");
  if (typeof audience !== "string" || typeof resource !== "string") {
    throw new oidc.errors.InvalidRequest("one audience and one resource");
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
    access_token: await setting.sign(jwt, idJagType),
    token_type: "N_A",
    expires_in: 300,
    ...(scope === undefined ? {} : { scope }),
  };
}
