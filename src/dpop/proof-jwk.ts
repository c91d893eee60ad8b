import type { PublicJwk } from "../keys/signing-key.js";

/** The public members of a key and nothing else, in the order of RFC 7638 §3.3: as JSON, what its thumbprint is of. */
export type ProofJwk = PublicJwk;

/** By key type: RFC 7638 §3.2, and RFC 8037 §2 for OKP. */
const required: ReadonlyMap<string | undefined, readonly string[]> = new Map([
  ["EC", ["crv", "kty", "x", "y"]],
  ["OKP", ["crv", "kty", "x"]],
  ["RSA", ["e", "kty", "n"]],
]);

/** What a proof tells of its key; `undefined` for something that is no public key. */
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
