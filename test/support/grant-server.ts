import type { JWTPayload, SignJWT } from "jose";
import type * as OidcProvider from "oidc-provider";
import type { Provider, TokenEndpointGrantContext } from "oidc-provider";
import type * as GrantHelpers from "oidc-provider/lib/helpers/grants.js";
import { type TrustedIssuer, verifyFrom } from "./token-issuer.js";

/** The `typ` of an identity assertion JWT authorization grant. */
export const idJagType = "oauth-id-jag+jwt";

/** The parts of an authorization server that its grants use. */
export interface GrantServer {
  readonly provider: Provider;
  readonly oidc: typeof OidcProvider;
  readonly helpers: typeof GrantHelpers;
  /** The server itself as an issuer, to verify its own access tokens. */
  readonly self: TrustedIssuer;
  /** Signs a JWT with the server's key. */
  sign(jwt: SignJWT, typ: string): Promise<string>;
}

/** Verifies a JWT and returns its claims. Throws `invalid_grant` if anything is wrong with it. */
export async function verifyGrantJwt(
  { oidc }: GrantServer,
  issuers: readonly TrustedIssuer[],
  jwt: string,
  options: Parameters<typeof verifyFrom>[2],
): Promise<JWTPayload> {
  try {
    return (await verifyFrom(issuers, jwt, options)).payload;
  } catch (cause) {
    throw new oidc.errors.InvalidGrant({ cause });
  }
}

/** Issues an access token like oidc-provider's own grants: for the resource, within the scopes, and bound. */
export async function issueAccessToken(
  { provider, oidc, helpers }: GrantServer,
  context: TokenEndpointGrantContext,
  granted: {
    readonly subject: string;
    readonly actor?: string | undefined;
    readonly issuedTokenType?: string;
  },
): Promise<void> {
  const { client } = context.oidc;
  const dpop = await helpers.validateDpop(provider, context);
  helpers.checkDpopRequired(provider, context, dpop);
  const certificate = helpers.checkMtlsCert(provider, context);
  const resourceServers = await helpers.resolveRequestedResources(provider, context);
  if (resourceServers.length > 1) throw new oidc.errors.InvalidTarget();
  const [resourceServer] = resourceServers;
  const scopes = [...helpers.validateClientScope(provider, context)].filter(
    (scope) => resourceServer?.scopes.has(scope) ?? true,
  );
  const token = new provider.AccessToken({
    client,
    accountId: granted.subject,
    // No user has consented, so there is no stored grant.
    grantId: crypto.randomUUID(),
    gty: context.oidc.params.grant_type,
    ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") }),
    ...(resourceServer === undefined ? {} : { resourceServer }),
  });
  if (certificate !== undefined) token.setThumbprint("x5t", certificate);
  if (dpop !== undefined) {
    await helpers.checkDpopReplay(provider, context, dpop, client.clientId);
    token.setThumbprint("jkt", dpop.thumbprint);
  }
  if (granted.actor !== undefined) context.oidc.entity("Actor", granted.actor);
  context.oidc.entity("AccessToken", token);
  context.body = helpers.buildTokenResponse(provider, {
    accessToken: await token.save(),
    tokenType: token.tokenType,
    expiresIn: token.expiration,
    issuedTokenType: granted.issuedTokenType,
    scope: token.scope,
  });
}
