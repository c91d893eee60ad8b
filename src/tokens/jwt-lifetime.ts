/** Longer than this many characters, a token is not looked into. */
const longestToken = 16_384;
const longestLifetime = 315_360_000;

/**
 * The lifetime of a JWT access token in milliseconds: `exp` less `iat`, which needs no agreement of clocks. For a token
 * that was not issued just now, `now` (milliseconds since the epoch) takes the place of `iat`, and 0 is a token that
 * has expired. `undefined` for an opaque token. Nothing is verified: the token is for the server that it is sent to.
 */
export function jwtLifetime(accessToken: string, now?: number): number | undefined {
  const parts = accessToken.split(".");
  const payload = parts[1];
  if (parts.length !== 3 || payload === undefined || accessToken.length > longestToken) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    if (typeof claims !== "object" || claims === null || !("exp" in claims)) return undefined;
    const { exp } = claims;
    if (typeof exp !== "number") return undefined;
    if (now !== undefined) return Math.min(Math.max(exp * 1_000 - now, 0), longestLifetime * 1_000);
    const iat = "iat" in claims ? claims.iat : undefined;
    if (typeof iat !== "number" || !(exp > iat)) return undefined;
    return Math.min(exp - iat, longestLifetime) * 1_000;
  } catch {
    return undefined;
  }
}
