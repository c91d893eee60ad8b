import { Token } from "../tokens/token.js";
import { clockTolerance, serializeEntry } from "./stored-format.js";

/**
 * Serializes a token, with the thumbprints of the key and certificate that it is bound to. `restoreToken` does the
 * reverse; its code is loaded when a token was found.
 */
export function serializeToken(token: Token): string {
  const { accessToken, tokenType, requestedAt, expiresAt, scopes, issuer, resource, binding } = token;
  const { dpopSigner, certificate } = binding ?? {};
  return serializeEntry({
    ...{ accessToken, tokenType, requestedAt, expiresAt, scopes, issuer, resource },
    ...(dpopSigner && { jkt: dpopSigner.thumbprint, alg: dpopSigner.alg }),
    ...(certificate && { x5t: certificate.thumbprint, bound: certificate.bound }),
  });
}

/**
 * Returns the token with its times converted to the clock of this process. The remaining time that the store states, at
 * most the lifetime of the token, shows by how much the clock of the process that requested the token differs.
 */
export function inLocalTime(token: Token, expiresIn: number | undefined, now: number): Token {
  const { requestedAt, expiresAt } = token;
  const remaining = Math.min(expiresIn ?? Number.POSITIVE_INFINITY, expiresAt - requestedAt);
  const shift = expiresIn === undefined ? 0 : now + remaining - expiresAt;
  if (Math.abs(shift) <= clockTolerance) return token;
  const { accessToken, tokenType, scopes, issuer, resource, binding } = token;
  return new Token({
    ...{ accessToken, tokenType, scopes, issuer, resource, binding, isShared: true },
    requestedAt: requestedAt + shift,
    expiresAt: expiresAt + shift,
  });
}
