import { createHash, type KeyObject, sign, verify } from "node:crypto";
import type { VerificationKey } from "./registered-clients.js";

type Json = Readonly<Record<string, unknown>>;

export interface VerifiedJwt {
  readonly header: Json;
  readonly claims: Json;
}

interface Algorithm {
  readonly hash: string | null;
  readonly type: string;
  readonly curve?: string;
}

/** Node's parameters for each algorithm: the hash, and what the key must be. */
const algorithms: Readonly<Record<string, Algorithm>> = {
  RS256: { hash: "sha256", type: "rsa" },
  RS384: { hash: "sha384", type: "rsa" },
  RS512: { hash: "sha512", type: "rsa" },
  PS256: { hash: "sha256", type: "rsa" },
  PS384: { hash: "sha384", type: "rsa" },
  PS512: { hash: "sha512", type: "rsa" },
  ES256: { hash: "sha256", type: "ec", curve: "prime256v1" },
  ES384: { hash: "sha384", type: "ec", curve: "secp384r1" },
  ES512: { hash: "sha512", type: "ec", curve: "secp521r1" },
  EdDSA: { hash: null, type: "ed25519" },
  Ed25519: { hash: null, type: "ed25519" },
};

export const supportedAlgorithms: readonly string[] = Object.keys(algorithms);

/** For DPoP proofs. */
export const proofAlgorithms: readonly string[] = supportedAlgorithms.filter((alg) => !alg.startsWith("RS"));

/** Signs a JWT with ES256. */
export function signJwt(header: Json, claims: Json, key: KeyObject): string {
  const encode = (value: Json): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const input = `${encode({ ...header, alg: "ES256" })}.${encode(claims)}`;
  const signature = sign("sha256", Buffer.from(input), { key, dsaEncoding: "ieee-p1363" });
  return `${input}.${signature.toString("base64url")}`;
}

/** Returns a JWT without verifying it, `undefined` for text that is none. */
export function decodeJwt(token: string): VerifiedJwt | undefined {
  const parts = token.split(".");
  const [header, claims] = parts.map(jsonOf);
  return parts.length === 3 && header !== undefined && claims !== undefined ? { header, claims } : undefined;
}

/** Returns a JWT that one of the keys has signed, `undefined` for any other text. */
export function verifyJwt(token: string, keys: readonly VerificationKey[]): VerifiedJwt | undefined {
  const decoded = decodeJwt(token);
  if (decoded === undefined) return undefined;
  const { alg, kid } = decoded.header;
  const algorithm = algorithms[String(alg)];
  if (algorithm === undefined) return undefined;
  const end = token.lastIndexOf(".");
  const [input, signature] = [
    Buffer.from(token.slice(0, end)),
    Buffer.from(token.slice(end + 1), "base64url"),
  ];
  const isSigned = keys.some(
    ({ key, kid: known }) =>
      key.asymmetricKeyType === algorithm.type &&
      key.asymmetricKeyDetails?.namedCurve === algorithm.curve &&
      (kid === undefined || known === undefined || known === kid) &&
      verify(algorithm.hash, input, { key, ...paddingOf(String(alg)) }, signature),
  );
  return isSigned ? decoded : undefined;
}

function paddingOf(alg: string): object {
  if (alg.startsWith("ES")) return { dsaEncoding: "ieee-p1363" };
  // RSA_PKCS1_PSS_PADDING, with a salt as long as the hash.
  return alg.startsWith("PS") ? { padding: 6, saltLength: -1 } : {};
}

/** Returns the thumbprint of a public key, RFC 7638. */
export function thumbprint(key: KeyObject): string {
  const { crv, e, kty, n, x, y } = key.export({ format: "jwk" });
  // The members in this order, without those that the type of the key does not have.
  const members = JSON.stringify({ crv, e, kty, n, x, y });
  return createHash("sha256").update(members).digest("base64url");
}

function jsonOf(part: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, "base64url").toString());
    // Any object has this type.
    return typeof value === "object" && value !== null ? (value as Json) : undefined;
  } catch {
    return undefined;
  }
}
