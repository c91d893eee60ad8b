import { createPublicKey, type JsonWebKey } from "node:crypto";
import { decodeJwt, proofAlgorithms, thumbprint, verifyJwt } from "./jwt.js";
import { OAuthError } from "./oauth-error.js";
import type { UsedIds } from "./used-ids.js";

/** Verifies a DPoP proof for a request, RFC 9449 §4.3, and returns the thumbprint of its key. */
export function verifiedProof(proof: string, url: string, used: UsedIds): string {
  const invalid = (description: string): OAuthError => new OAuthError("invalid_dpop_proof", description);
  const { typ, jwk, alg } = decodeJwt(proof)?.header ?? {};
  if (typ !== "dpop+jwt" || typeof jwk !== "object" || jwk === null || "d" in jwk)
    throw invalid("The proof needs the typ dpop+jwt and a public jwk.");
  if (!proofAlgorithms.includes(String(alg)))
    throw invalid("The metadata does not name the alg of the proof.");
  const key = publicKey(jwk);
  const verified = key && verifyJwt(proof, [{ key, kid: undefined }]);
  if (key === undefined || verified === undefined) throw invalid("The key of the proof has not signed it.");
  const { htm, htu, iat, jti } = verified.claims;
  if (htm !== "POST" || htu !== url) throw invalid("The proof is for another request.");
  if (typeof iat !== "number" || Math.abs(Date.now() / 1_000 - iat) > 60)
    throw invalid("The iat of the proof is more than a minute off.");
  if (!used.add(jti, iat + 60)) throw invalid("The proof needs a jti that was not used before.");
  return thumbprint(key);
}

function publicKey(jwk: object): ReturnType<typeof createPublicKey> | undefined {
  try {
    // Node checks the members.
    return createPublicKey({ key: jwk as JsonWebKey, format: "jwk" });
  } catch {
    return undefined;
  }
}
