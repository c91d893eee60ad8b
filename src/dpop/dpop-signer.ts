import { createHash, randomUUID } from "node:crypto";
import { McpAuthError } from "../errors/error.js";
import { issuedAt } from "../keys/issued-at.js";
import type { SigningKey } from "../keys/signing-key.js";
import type { Clock } from "../lib/clock.js";
import { isProgrammingError } from "../lib/programming-error.js";
import type { SigningTime } from "../net/server-clocks.js";
import type { ProofJwk } from "./proof-jwk.js";

/** What a proof is for, RFC 9449 §4.2. */
export interface ProofTarget {
  readonly method: string;
  /** Its query and fragment are left out of `htu`. */
  readonly url: string | URL;
  readonly nonce?: string | undefined;
  /** At the resource: it becomes `ath`. */
  readonly accessToken?: string | undefined;
  /** That of the server; ours unless told. */
  readonly time?: Pick<SigningTime, "now"> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A key that tokens are bound to, ready to prove that we have it. */
export interface DpopSigner {
  /** RFC 7638 thumbprint of the public key, `jkt`. */
  readonly thumbprint: string;
  /** JOSE algorithm of the proofs. */
  readonly alg: string;
  /** A proof for one request: it must not be sent twice. */
  proof(target: ProofTarget): Promise<string>;
}

/** What proofs are made with. */
export interface ProofKey {
  readonly alg: string;
  readonly jwk: ProofJwk;
  readonly sign: SigningKey["sign"];
}

/** A prover for one key, which stays with it whatever becomes of the place that the key was loaded from. */
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
        // What a library threw may carry the claims or the key.
        throw new McpAuthError("key_invalid", `Server "${server}": the DPoP key cannot sign with ${alg}.`, {
          server,
        });
      }
    },
  };
}

/** RFC 9449 §4.2. */
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
 * `URL` has normalised scheme, host, port and dot segments already (RFC 3986 §6.2.2 and §6.2.3). Percent-encoding
 * stays as it goes over the wire: a server that compares strings finds what it got, one that normalises does so itself.
 */
function withoutQuery(url: string | URL): string {
  const { origin, pathname } = typeof url === "string" ? new URL(url) : url;
  return origin + pathname;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("base64url");
}
