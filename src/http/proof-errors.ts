import { tokenChallenges } from "../discovery/challenge.js";

/** Those of RFC 9449 §12.2 that say nothing against the token. */
const aboutProof = ["use_dpop_nonce", "invalid_dpop_proof"] as const;

export type ProofError = (typeof aboutProof)[number];

/** What a server has against the proof of a request; nothing when it has something against the token. */
export function proofErrors(response: Response): readonly ProofError[] {
  if (response.status !== 401) return [];
  return tokenChallenges(response.headers, "DPoP").flatMap(
    ({ error }) => aboutProof.find((one) => one === error) ?? [],
  );
}
