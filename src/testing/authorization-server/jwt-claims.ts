import type { OAuthError } from "./oauth-error.js";

/** Whether the `aud` of a JWT names this audience. */
export function isAudience(aud: unknown, audience: string): boolean {
  return Array.isArray(aud) ? aud.includes(audience) : aud === audience;
}

/** Seconds by which the clocks may differ. */
export const allowedSkew = 10;

/** Throws for a JWT that has no expiry, has expired, or is not valid yet. */
export function assertFresh(
  { exp, nbf }: Readonly<Record<string, unknown>>,
  fail: (description: string) => OAuthError,
): void {
  const now = Date.now() / 1_000;
  if (typeof exp !== "number" || exp < now - allowedSkew) throw fail("The JWT has expired, or has no exp.");
  if (typeof nbf === "number" && nbf > now + allowedSkew) throw fail("The JWT is not valid yet.");
}
