import { decodeProtectedHeader, type JWTPayload } from "jose";
import type { TokenEndpointGrantContext } from "oidc-provider";
import { type GrantServer, idJagType, issueAccessToken, verifyGrantJwt } from "./grant-server.js";
import type { TrustedIssuer } from "./token-issuer.js";

export const jwtBearerGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/** RFC 7523 §2.1. */
export interface JwtBearerOptions {
  /** The issuers whose assertions the server accepts. */
  readonly issuers: readonly TrustedIssuer[];
  /** Whether the server also accepts assertions from anonymous clients. */
  readonly withoutClient?: boolean;
  /** Whether an assertion works only once. Default: true. Platforms issue some that are meant to be used again. */
  readonly singleUse?: boolean;
  /** Whether the server accepts only ID-JAGs. An ID-JAG is always limited to its own client, resource and scopes. */
  readonly idJag?: boolean;
}

interface JwtBearerParams {
  readonly assertion?: string;
}

export function registerJwtBearer(server: GrantServer, options: JwtBearerOptions): void {
  server.provider.registerGrantType<JwtBearerParams>(
    jwtBearerGrant,
    (context) => answer(server, options, context),
    ["assertion", "scope", "resource"],
    ["resource"],
  );
}

async function answer(
  server: GrantServer,
  options: JwtBearerOptions,
  context: TokenEndpointGrantContext<JwtBearerParams>,
): Promise<void> {
  const { provider, oidc, helpers } = server;
  const { params, client } = context.oidc;
  if (!params.assertion) throw new oidc.errors.InvalidRequest("no assertion");
  // Before the assertion is used up, because a client whose proof lacks a nonce sends the same assertion again.
  await helpers.validateDpop(provider, context);
  const idJag = options.idJag || jwtType(params.assertion) === idJagType;
  const endpoints = [`${provider.issuer}/token`, context.href.replace(/\?.*$/, "")];
  const claims = await verifyGrantJwt(server, options.issuers, params.assertion, {
    audience: [provider.issuer, ...(idJag ? [] : endpoints)],
    requiredClaims: ["exp", "sub", ...(idJag ? ["jti", "client_id", "resource"] : [])],
    ...(idJag ? { typ: idJagType } : {}),
  });
  if (idJag) {
    if (claims["client_id"] !== client.clientId)
      throw new oidc.errors.InvalidGrant("issued for another client");
    limitToAssertion(server, params, claims);
  }
  if (options.singleUse !== false && claims.jti !== undefined) {
    const fresh = await provider.ReplayDetection.unique(String(claims.iss), claims.jti, Number(claims.exp));
    if (!fresh) throw new oidc.errors.InvalidGrant("already used");
  }
  await issueAccessToken(server, context, { subject: String(claims.sub) });
}

function jwtType(jwt: string): string | undefined {
  try {
    return decodeProtectedHeader(jwt).typ;
  } catch {
    return undefined;
  }
}

/** Limits the request to the resource and the scopes of the ID-JAG. */
function limitToAssertion(
  { oidc }: GrantServer,
  params: TokenEndpointGrantContext["oidc"]["params"],
  claims: JWTPayload,
): void {
  const { resource, scope } = claims;
  if (params.resource !== undefined && params.resource !== resource) throw new oidc.errors.InvalidTarget();
  params.resource = String(resource);
  const granted = typeof scope === "string" ? scope.split(" ") : [];
  const asked = params.scope?.split(" ") ?? granted;
  params.scope = asked.filter((name) => granted.includes(name)).join(" ");
}
