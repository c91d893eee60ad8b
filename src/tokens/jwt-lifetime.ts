import { longestLifetime } from "../lib/duration.js";
import { jwtClaims } from "../lib/jwt-claims.js";

/**
 * Returns the lifetime of a JWT access token in milliseconds: `exp` minus `iat`, which does not depend on our clock.
 * For a token that was not issued just now, pass `now` (milliseconds since the epoch) to replace `iat`; then 0 means
 * that the token has expired. Returns `undefined` for an opaque token. Verifies nothing, because the token is meant for
 * the MCP server.
 */
export function jwtLifetime(accessToken: string, now?: number): number | undefined {
  const { exp, iat } = jwtClaims(accessToken) ?? {};
  if (typeof exp !== "number") return undefined;
  if (now !== undefined) return Math.min(Math.max(exp * 1_000 - now, 0), longestLifetime * 1_000);
  if (typeof iat !== "number" || !(exp > iat)) return undefined;
  return Math.min(exp - iat, longestLifetime) * 1_000;
}
