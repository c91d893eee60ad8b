import { tokenChallenges } from "../discovery/challenge.js";

/** Errors of RFC 9449 §12.2 that concern the proof and not the token. */
const proofErrorCodes = ["use_dpop_nonce", "invalid_dpop_proof"] as const;

export type ProofError = (typeof proofErrorCodes)[number];

/** Returns the errors of a response that concern the proof. Empty if the server refuses the token. */
export function proofErrors(response: Response): readonly ProofError[] {
  if (response.status !== 401) return [];
  return tokenChallenges(response.headers, "DPoP").flatMap(
    ({ error }) => proofErrorCodes.find((code) => code === error) ?? [],
  );
}
