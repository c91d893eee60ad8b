import { createHash, randomUUID } from "node:crypto";
import { calculateJwkThumbprint, EmbeddedJWK, type JWTPayload, jwtVerify } from "jose";

export interface ProofRules {
  /** Whether every proof needs a nonce. */
  readonly nonces: boolean;
  readonly algorithms: readonly string[];
}

/** What a resource server refuses a proof with, RFC 9449 §7.1 and §9. */
export class ProofRefused extends Error {
  readonly error: "invalid_dpop_proof" | "use_dpop_nonce";

  constructor(error: ProofRefused["error"], reason: string) {
    super(reason);
    this.error = error;
  }
}

/** How far the clocks of client and server may differ, and how long a nonce-less proof is good: seconds. */
const window = 60;

/** Checks the proofs that come to one resource server, RFC 9449 §4.3. */
export class Proofs {
  readonly #rules: ProofRules;
  readonly #seen = new Set<string>();
  #accepted = [randomUUID() as string];

  constructor(rules: ProofRules) {
    this.#rules = rules;
  }

  /** What proofs have to contain from now on; `undefined` where they need not. */
  get nonce(): string | undefined {
    return this.#rules.nonces ? this.#accepted[0] : undefined;
  }

  /** A new nonce. The one before it is good no more, or with `gently` still good until the next change. */
  rotate(gently: boolean): void {
    this.#accepted = [randomUUID(), ...(gently ? this.#accepted.slice(0, 1) : [])];
  }

  /** Throws `ProofRefused` unless the proof is for this request, this token and the key that it is bound to. */
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
      [typeof iat === "number" && Math.abs(iat - Date.now() / 1000) <= window, "iat not of now"],
      [htm === request.method, "another htm"],
      [htu === `${url.origin}${url.pathname}`, "another htu"],
      [ath === createHash("sha256").update(request.accessToken).digest("base64url"), "another ath"],
      [thumbprint === request.jkt, "another key than the token's"],
      [!this.#seen.has(`${thumbprint} ${jti}`), "a jti used before"],
    ];
    const refusal = refusals.find(([unless]) => !unless);
    if (refusal !== undefined) throw new ProofRefused("invalid_dpop_proof", refusal[1]);
    this.#seen.add(`${thumbprint} ${jti}`);
    if (this.#rules.nonces && !this.#accepted.some((accepted) => accepted === nonce)) {
      throw new ProofRefused("use_dpop_nonce", "no nonce of now");
    }
  }

  async #verified(proof: string | undefined): Promise<{ payload: JWTPayload; thumbprint: string }> {
    if (proof === undefined) throw new ProofRefused("invalid_dpop_proof", "no proof");
    try {
      const { payload, protectedHeader } = await jwtVerify(proof, EmbeddedJWK, {
        typ: "dpop+jwt",
        algorithms: [...this.#rules.algorithms],
      });
      if (protectedHeader.jwk === undefined) throw new TypeError("no key");
      return { payload, thumbprint: await calculateJwkThumbprint(protectedHeader.jwk) };
    } catch {
      throw new ProofRefused("invalid_dpop_proof", "not a proof, or not signed by its key");
    }
  }
}
