import { decodeProtectedHeader, type JWTPayload } from "jose";
import type { TokenEndpointGrantContext } from "oidc-provider";
import { type GrantSetting, idJagType, issueAccessToken, verified } from "./grant-setting.js";
import type { TrustedIssuer } from "./token-issuer.js";

export const jwtBearerGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/** RFC 7523 §2.1. */
export interface JwtBearerOptions {
  /** Whose assertions are taken. */
  readonly issuers: readonly TrustedIssuer[];
  /** Also from clients that do not say who they are. */
  readonly withoutClient?: boolean;
  /** Whether an assertion works only once; default true. Platforms issue some that are meant to be used again. */
  readonly singleUse?: boolean;
  /** Takes ID-JAGs and nothing else; they are always for the client, the resource and the scopes that they name. */
  readonly idJag?: boolean;
}

interface JwtBearerParams {
  readonly assertion?: string;
}

export function registerJwtBearer(setting: GrantSetting, options: JwtBearerOptions): void {
  setting.provider.registerGrantType<JwtBearerParams>(
    jwtBearerGrant,
    (context) => answer(setting, options, context),
    ["assertion", "scope", "resource"],
    ["resource"],
  );
}

async function answer(
  setting: GrantSetting,
  options: JwtBearerOptions,
  context: TokenEndpointGrantContext<JwtBearerParams>,
): Promise<void> {
  const { provider, oidc, helpers } = setting;
  const { params, client } = context.oidc;
  if (!params.assertion) throw new oidc.errors.InvalidRequest("no assertion");
  // Before the assertion is used up: a proof that lacks a nonce is sent again with the same assertion.
  await helpers.validateDpop(provider, context);
  const idJag = options.idJag || typeOf(params.assertion) === idJagType;
  const endpoints = [`${provider.issuer}/token`, context.href.replace(/\?.*$/, "")];
  const claims = await verified(setting, options.issuers, params.assertion, {
    audience: [provider.issuer, ...(idJag ? [] : endpoints)],
    requiredClaims: ["exp", "sub", ...(idJag ? ["jti", "client_id", "resource"] : [])],
    ...(idJag ? { typ: idJagType } : {}),
  });
  if (idJag) {
    if (claims["client_id"] !== client.clientId) throw new oidc.errors.InvalidGrant("of another client");
    narrow(setting, params, claims);
  }
  if (options.singleUse !== false && claims.jti !== undefined) {
    const fresh = await provider.ReplayDetection.unique(String(claims.iss), claims.jti, Number(claims.exp));
    if (!fresh) throw new oidc.errors.InvalidGrant("used before");
  }
  await issueAccessToken(setting, context, { subject: String(claims.sub) });
}

function typeOf(jwt: string): string | undefined {
  try {
    return decodeProtectedHeader(jwt).typ;
  } catch {
    return undefined;
  }
}

/** What is asked for is what the ID-JAG is for, or less. */
function narrow(
  { oidc }: GrantSetting,
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
