import { createHash, randomUUID } from "node:crypto";
import { McpAuthError } from "../errors/error.js";
import { isProgrammingError } from "../errors/expected-errors.js";
import { issuedAt } from "../keys/sign-jwt.js";
import type { SigningKey } from "../keys/signing-key.js";
import type { Clock } from "../lib/clock.js";
import type { SigningTime } from "../net/server-clocks.js";
import type { ProofJwk } from "./proof-jwk.js";

/** The request that a proof is for (RFC 9449 §4.2). */
export interface ProofTarget {
  readonly method: string;
  /** `htu` is the URL without query and fragment. */
  readonly url: string | URL;
  readonly nonce?: string | undefined;
  /** The access token that the request is sent with, for `ath`. Absent for a token request. */
  readonly accessToken?: string | undefined;
  /** The time of the server; the time of this machine by default. */
  readonly time?: Pick<SigningTime, "now"> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Signs DPoP proofs with the key that tokens are bound to. */
export interface DpopSigner {
  /** RFC 7638 thumbprint of the public key, `jkt`. */
  readonly thumbprint: string;
  /** The JOSE algorithm of the proofs. */
  readonly alg: string;
  /** Returns a proof for one request, which must not be sent twice. Rejects with `key_invalid`. */
  proof(target: ProofTarget): Promise<string>;
}

/** The key that proofs are signed with, and its public part. */
export interface ProofKey {
  readonly alg: string;
  readonly jwk: ProofJwk;
  readonly sign: SigningKey["sign"];
}

/**
 * Creates a signer for one key. The signer keeps using this key, even if the file or command that it came from changes.
 */
export function createDpopSigner(
  key: ProofKey,
  { clock, server }: { readonly clock: Clock; readonly server: string },
): DpopSigner {
  const { alg, jwk, sign } = key;
  const header = { typ: "dpop+jwt", alg, jwk };
  return {
    thumbprint: sha256(JSON.stringify(jwk)),
    alg,
    async proof(target) {
      try {
        return await sign(header, proofClaims(target, clock), target.signal);
      } catch (error) {
        if (error instanceof McpAuthError || isProgrammingError(error)) throw error;
        // The error of a library may contain the claims or the key.
        throw new McpAuthError(
          "key_invalid",
          `Server "${server}": the DPoP key cannot sign with ${alg}. Check the key in "dpop", or use another one.`,
          {
            server,
          },
        );
      }
    },
  };
}

/** Returns the claims of RFC 9449 §4.2. */
function proofClaims(
  { method, url, nonce, accessToken, time }: ProofTarget,
  clock: Clock,
): Record<string, unknown> {
  return {
    jti: randomUUID(),
    htm: method,
    htu: withoutQuery(url),
    iat: issuedAt((time ?? clock).now()),
    ...(accessToken === undefined ? {} : { ath: sha256(accessToken) }),
    ...(nonce === undefined ? {} : { nonce }),
  };
}

/**
 * Returns the URL without query and fragment. `URL` has already normalized scheme, host, port and dot segments (RFC
 * 3986 §6.2.2 and §6.2.3). The percent-encoding is that of the request: a server that compares strings finds what it
 * received, and one that normalizes does so itself.
 */
function withoutQuery(url: string | URL): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
