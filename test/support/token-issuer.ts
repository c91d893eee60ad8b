import type { JWTVerifyOptions, JWTVerifyResult } from "jose";
import {
  createLocalJWKSet,
  decodeJwt,
  exportJWK,
  generateKeyPair,
  type JWK,
  type JWTPayload,
  jwtVerify,
  SignJWT,
} from "jose";

/** Whose JWTs a server takes. A running authorization server is one, too. */
export interface TrustedIssuer {
  /** The `iss` of its JWTs. */
  readonly issuer: string;
  /** Public. */
  readonly keys: readonly JWK[];
}

/** Somebody who signs JWTs: a platform that gives workloads their identity, or an identity provider. */
export interface TokenIssuer extends TrustedIssuer {
  /** Adds `iss`, `iat`, `exp` (a minute from now) and `jti` to what is given, unless that says otherwise. */
  sign(claims: JWTPayload, header?: { readonly typ?: string }): Promise<string>;
}

export async function createTokenIssuer(issuer: string, alg = "ES256"): Promise<TokenIssuer> {
  const { privateKey, publicKey } = await generateKeyPair(alg);
  const kid = crypto.randomUUID();
  return {
    issuer,
    keys: [{ ...(await exportJWK(publicKey)), kid, alg, use: "sig" }],
    sign: (claims, header = {}) => {
      const iat = Math.floor(Date.now() / 1000);
      return new SignJWT({ iss: issuer, iat, exp: iat + 60, jti: crypto.randomUUID(), ...claims })
        .setProtectedHeader({ ...header, alg, kid })
        .sign(privateKey);
    },
  };
}

/** Verifies a JWT by the keys of the issuer that it names. Rejects when that is none of these, or for any flaw. */
export async function verifyFrom(
  issuers: readonly TrustedIssuer[],
  jwt: string,
  options: JWTVerifyOptions,
): Promise<JWTVerifyResult> {
  const { iss } = decodeJwt(jwt);
  const trusted = issuers.find(({ issuer }) => issuer === iss);
  if (trusted === undefined) throw new TypeError("signed by nobody who is trusted");
  const keys = createLocalJWKSet({ keys: [...trusted.keys] });
  return jwtVerify(jwt, keys, { ...options, issuer: trusted.issuer });
}
