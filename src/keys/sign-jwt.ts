import { McpAuthError } from "../errors/error.js";
import { isProgrammingError } from "../errors/expected-errors.js";
import type { JwtClaims, JwtHeader, SigningKey } from "./signing-key.js";

export interface JwtToSign {
  readonly alg: string;
  /** The `typ` of the header, RFC 7519 §5.1. */
  readonly typ: string;
  readonly claims: JwtClaims;
  /** Name of the MCP server in the config, for messages. */
  readonly server: string;
  /** Ends the wait for a signer outside of the process. */
  readonly signal?: AbortSignal | undefined;
}

/** Returns the signing input of a JWS, RFC 7515 §5.1: header and claims in base64url. */
export function signingInput(header: JwtHeader, claims: JwtClaims): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value), "utf8").toString("base64url");
  return `${part(header)}.${part(claims)}`;
}

/**
 * Signs a JWT and returns it in compact form. The header has the key's `kid` if there is one, and the parameters for
 * the key's certificate. Rejects with `key_invalid`, `signer_unavailable` and `aborted`.
 */
export async function signJwt(key: SigningKey, jwt: JwtToSign): Promise<string> {
  const { alg, typ, claims, server, signal } = jwt;
  const { kid, certificateParameters } = key;
  const header = { alg, ...(kid !== undefined && { kid }), typ, ...certificateParameters };
  try {
    return await key.sign(header, claims, signal);
  } catch (error) {
    if (error instanceof McpAuthError || isProgrammingError(error)) throw error;
    // The error of the library may contain the claims or the key.
    throw new McpAuthError("key_invalid", `Server "${server}": the private key cannot sign with ${alg}.`, {
      server,
    });
  }
}

/** Seconds. */
const backdating = 5;

/**
 * Returns the `iat` of a JWT, RFC 7519 §4.1.6. It is a few seconds in the past, because a server whose clock is behind
 * ours refuses a JWT from the future, and its `Date` header shows the difference only to the second. For a very short
 * lifetime, it is at most half of the lifetime in the past. `now` is in milliseconds since the epoch, `lifetime` in
 * seconds.
 */
export function issuedAt(now: number, lifetime: number = Number.POSITIVE_INFINITY): number {
  return Math.floor(now / 1_000) - Math.min(backdating, Math.floor(lifetime / 2));
}
