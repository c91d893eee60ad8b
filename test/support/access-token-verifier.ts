import { type AuthInfo, OAuthError, OAuthErrorCode } from "@modelcontextprotocol/server";
import { createRemoteJWKSet, customFetch, decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";

/** Throws `invalid_token`, also for a `jti` among the revoked. What a token is bound to (`cnf`) is in `extra`. */
export type VerifyAccessToken = (token: string, revoked: ReadonlySet<string>) => Promise<AuthInfo>;

/** Accepts JWT access tokens (RFC 9068) that the issuer signed for the resource, by its published keys. */
export function jwtVerifier(
  issuer: string,
  resource: string,
  fetch: typeof globalThis.fetch = globalThis.fetch,
): VerifyAccessToken {
  let keys: ReturnType<typeof createRemoteJWKSet> | undefined;
  return async (token, revoked) => {
    if (keys === undefined) {
      const { jwks_uri: uri } = await metadataOf(issuer, fetch);
      keys = createRemoteJWKSet(new URL(String(uri)), { [customFetch]: fetch });
    }
    try {
      const { payload } = await jwtVerify(token, keys, {
        issuer,
        audience: resource,
        typ: "at+jwt",
        requiredClaims: ["exp", "jti", "client_id"],
      });
      return accepted(token, payload, revoked);
    } catch (error) {
      if (error instanceof errors.JOSEError) throw new OAuthError(OAuthErrorCode.InvalidToken, error.code);
      throw error;
    }
  };
}

/** Asks the issuer about each token (RFC 7662), as the client given. */
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
    endpoint ??= String((await metadataOf(issuer, fetch))["introspection_endpoint"]);
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { authorization },
      body: new URLSearchParams({ token }),
    });
    if (!response.ok) throw new Error(`Introspection was answered ${response.status}.`);
    // An introspection response: JWT claims and `active`.
    const claims = (await response.json()) as JWTPayload & { active: boolean };
    if (!claims.active || claims.iss !== issuer || claims.aud !== resource) {
      throw new OAuthError(OAuthErrorCode.InvalidToken, "not active here");
    }
    return accepted(token, { jti: token, ...claims }, revoked);
  };
}

/** The `jti` of a JWT, or the token itself; nothing is verified. */
export function tokenIdOf(authorization: string | undefined): string | undefined {
  const token = /^(?:Bearer|DPoP) (\S+)$/i.exec(authorization ?? "")?.[1];
  if (token === undefined) return undefined;
  try {
    return decodeJwt(token).jti;
  } catch {
    return token;
  }
}

function accepted(token: string, claims: JWTPayload, revoked: ReadonlySet<string>): AuthInfo {
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

async function metadataOf(
  issuer: string,
  fetch: typeof globalThis.fetch,
): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`${issuer}/.well-known/oauth-authorization-server`);
  if (!response.ok) throw new Error(`The authorization server metadata was answered ${response.status}.`);
  // Checked by use: what is not there makes the first verification fail.
  return (await response.json()) as Record<string, unknown>;
}
