import type { PublicJwk } from "../keys/signing-key.js";

/** The required public members of a key, in the order of RFC 7638 §3.3. Its JSON is the input of the thumbprint. */
export type ProofJwk = PublicJwk;

/** The required members by key type: RFC 7638 §3.2, and RFC 8037 §2 for OKP. */
const required: ReadonlyMap<string | undefined, readonly string[]> = new Map([
  ["EC", ["crv", "kty", "x", "y"]],
  ["OKP", ["crv", "kty", "x"]],
  ["RSA", ["e", "kty", "n"]],
]);

/** Returns the public key as a proof contains it; `undefined` if the JWK is not a public key. */
export function proofJwk(key: PublicJwk): ProofJwk | undefined {
  const names = required.get(key["kty"]);
  if (names === undefined) return undefined;
  const members: Record<string, string> = {};
  for (const name of names) {
    const value = key[name];
    if (value === undefined) return undefined;
    members[name] = value;
  }
  return members;
}
