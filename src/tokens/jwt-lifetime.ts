import { longestLifetime } from "../lib/duration.js";
import { jwtClaims } from "../lib/jwt-claims.js";

/**
 * The lifetime of a JWT access token in milliseconds: `exp` less `iat`, which needs no agreement of clocks. For a token
 * that was not issued just now, `now` (milliseconds since the epoch) takes the place of `iat`, and 0 is a token that
 * has expired. `undefined` for an opaque token. Nothing is verified: the token is for the server that it is sent to.
 */
export function jwtLifetime(accessToken: string, now?: number): number | undefined {
  const { exp, iat } = jwtClaims(accessToken) ?? {};
  if (typeof exp !== "number") return undefined;
  if (now !== undefined) return Math.min(Math.max(exp * 1_000 - now, 0), longestLifetime * 1_000);
  if (typeof iat !== "number" || !(exp > iat)) return undefined;
  return Math.min(exp - iat, longestLifetime) * 1_000;
}
