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

/** An issuer whose JWTs a server accepts. A running authorization server is one, too. */
export interface TrustedIssuer {
  /** The `iss` of its JWTs. */
  readonly issuer: string;
  /** Public keys. */
  readonly keys: readonly JWK[];
}

/** A signer of JWTs: a platform that gives workloads their identity, or an identity provider. */
export interface TokenIssuer extends TrustedIssuer {
  /** Signs a JWT. Adds `iss`, `iat`, `exp` (a minute from now) and `jti` unless the claims have them. */
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

/** Verifies a JWT with the keys of its issuer. Rejects if the issuer is not trusted or anything else is wrong. */
export async function verifyFrom(
  issuers: readonly TrustedIssuer[],
  jwt: string,
  options: JWTVerifyOptions,
): Promise<JWTVerifyResult> {
  const { iss } = decodeJwt(jwt);
  const trusted = issuers.find(({ issuer }) => issuer === iss);
  if (trusted === undefined) throw new TypeError("issuer not trusted");
  const keys = createLocalJWKSet({ keys: [...trusted.keys] });
  return jwtVerify(jwt, keys, { ...options, issuer: trusted.issuer });
}
