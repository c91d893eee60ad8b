import { createHash, randomUUID } from "node:crypto";
import { calculateJwkThumbprint, EmbeddedJWK, type JWTPayload, jwtVerify } from "jose";

export interface ProofRules {
  /** Whether every proof needs a nonce. */
  readonly nonces: boolean;
  readonly algorithms: readonly string[];
}

/** The error with which a resource server refuses a proof (RFC 9449 §7.1 and §9). */
export class ProofError extends Error {
  readonly error: "invalid_dpop_proof" | "use_dpop_nonce";

  constructor(error: ProofError["error"], reason: string) {
    super(reason);
    this.error = error;
  }
}

/** Accepted difference between a proof's `iat` and the server's clock, in seconds. */
const acceptedAge = 60;

/** Checks the proofs that one resource server receives (RFC 9449 §4.3). */
export class ProofChecker {
  readonly #rules: ProofRules;
  readonly #seen = new Set<string>();
  #accepted = [randomUUID() as string];

  constructor(rules: ProofRules) {
    this.#rules = rules;
  }

  /** The nonce that proofs must contain, or `undefined` if they need none. */
  get nonce(): string | undefined {
    return this.#rules.nonces ? this.#accepted[0] : undefined;
  }

  /** Creates a new nonce. With `keepPrevious`, the previous nonce stays valid until the next change. */
  rotate(keepPrevious: boolean): void {
    this.#accepted = [randomUUID(), ...(keepPrevious ? this.#accepted.slice(0, 1) : [])];
  }

  /** Throws a `ProofError` unless the proof is for this request, this token and the key that the token is bound to. */
  async check(request: {
    readonly proof: string | undefined;
    readonly method: string;
    readonly url: string;
    readonly accessToken: string;
    readonly jkt: string;
  }): Promise<void> {
    const { payload, thumbprint } = await this.#verified(request.proof);
    const { jti, iat, htm, htu, ath, nonce } = payload as JWTPayload & Readonly<Record<string, unknown>>;
    const url = new URL(request.url);
    const refusals: ReadonlyArray<readonly [unless: boolean, reason: string]> = [
      [typeof jti === "string" && jti !== "", "no jti"],
      [typeof iat === "number" && Math.abs(iat - Date.now() / 1000) <= acceptedAge, "iat too far from now"],
      [htm === request.method, "wrong htm"],
      [htu === `${url.origin}${url.pathname}`, "wrong htu"],
      [ath === createHash("sha256").update(request.accessToken).digest("base64url"), "wrong ath"],
      [thumbprint === request.jkt, "not the key of the token"],
      [!this.#seen.has(`${thumbprint} ${jti}`), "jti already used"],
    ];
    const refusal = refusals.find(([unless]) => !unless);
    if (refusal !== undefined) throw new ProofError("invalid_dpop_proof", refusal[1]);
    this.#seen.add(`${thumbprint} ${jti}`);
    if (this.#rules.nonces && !this.#accepted.some((accepted) => accepted === nonce)) {
      throw new ProofError("use_dpop_nonce", "no current nonce");
    }
  }

  async #verified(proof: string | undefined): Promise<{ payload: JWTPayload; thumbprint: string }> {
    if (proof === undefined) throw new ProofError("invalid_dpop_proof", "no proof");
    try {
      const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
        typ: "dpop+jwt",
        algorithms: [...this.#rules.algorithms],
      });
      if (protectedHeader.jwk === undefined) throw new TypeError("no key");
      return { payload, thumbprint: await calculateJwkThumbprint(protectedHeader.jwk) };
    } catch {
      throw new ProofError("invalid_dpop_proof", "not a proof, or not signed by its key");
    }
  }
}
