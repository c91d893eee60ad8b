import { type AuthInfo, OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import { createRemoteJWKSet, customFetch, decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";

/**
 * Verifies an access token. Throws `invalid_token`, also when the token's `jti` is among the revoked ones. The returned
 * `extra` has the `cnf` claim: the key or certificate that the token is bound to.
 */
export type VerifyAccessToken = (token: string, revoked: ReadonlySet<string>) => Promise<AuthInfo>;

/**
 * Returns a verifier for JWT access tokens (RFC 9068) that the issuer signed for the resource with its published keys.
 */
export function jwtVerifier(
  issuer: string,
  resource: string,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): VerifyAccessToken {
  let keys: ReturnType<typeof createRemoteJWKSet> | undefined;
  return async (token, revoked) => {
    if (keys === undefined) {
      const { jwks_uri: uri } = await fetchMetadata(issuer, fetch);
      keys = createRemoteJWKSet(new URL(String(uri)), { [customFetch]: fetch });
    }
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience: resource,
        typ: "at+jwt",
        requiredClaims: ["exp", "jti", "client_id"],
      });
      return authInfo(token, payload, revoked);
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new OAuthError(OAuthErrorCode.InvalidToken, error.code);
      throw error;
    }
  };
}

/** Returns a verifier that introspects each token at the issuer (RFC 7662) with the given client's credentials. */
export function introspectionVerifier(
  issuer: string,
  resource: string,
  client: { readonly id: string; readonly secret: string },
  fetch: typeof globalThis.fetch = globalThis.fetch,
): VerifyAccessToken {
  const credentials = [client.id, client.secret].map((part) =>
    new URLSearchParams([["", part]]).toString().slice(1),
  );
  const authorization = `Basic ${Buffer.from(credentials.join(":")).toString("base64")}`;
  let endpoint: string | undefined;
  return async (token, revoked) => {
    endpoint ??= String((await fetchMetadata(issuer, fetch))["introspection_endpoint"]);
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { authorization },
      body: new URLSearchParams({ token }),
    });
    if (!response.ok) throw new Error(`The introspection endpoint answered ${response.status}.`);
    // An introspection response: JWT claims and `active`.
    const claims = (await response.json()) as JWTPayload & { active: boolean };
    if (!claims.active || claims.iss !== issuer || claims.aud !== resource) {
      throw new OAuthError(OAuthErrorCode.InvalidToken, "not active here");
    }
    return authInfo(token, { jti: token, ...claims }, revoked);
  };
}

/** Returns the `jti` of the JWT in an Authorization header, or the token itself if it is opaque. Verifies nothing. */
export function tokenIdOf(authorization: string | undefined): string | undefined {
  const token = /^(?:Bearer|DPoP) (\S+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) return undefined;
  try {
    return decodeJwt(token).jti;
  } catch {
    return token;
  }
}

function authInfo(token: string, claims: JWTPayload, revoked: ReadonlySet<string>): AuthInfo {
  if (claims.jti !== undefined && revoked.has(claims.jti)) {
    throw new OAuthError(OAuthErrorCode.InvalidToken, "revoked");
  }
  const { exp, aud, scope, cnf } = claims;
  return {
    token,
    clientId: String(claims["client_id"]),
    scopes: typeof scope === "string" ? scope.split(" ") : [],
    ...(exp === undefined ? {} : { expiresAt: exp }),
    ...(typeof aud === "string" ? { resource: new URL(aud) } : {}),
    extra: { cnf },
  };
}

async function fetchMetadata(
  issuer: string,
  fetch: typeof globalThis.fetch,
): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
  if (!response.ok)
    throw new Error(`The request for authorization server metadata was answered with ${response.status}.`);
  // Not validated: if a member is missing, the first verification fails.
  return (await response.json()) as Record<string, unknown>;
}
