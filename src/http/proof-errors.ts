import { tokenChallenges } from "../discovery/challenge.js";

/** Those of RFC 9449 §12.2 that say nothing against the token. */
const aboutProof: ReadonlySet<string | undefined> = new Set(["use_dpop_nonce", "invalid_dpop_proof"]);

/** What a server has against the proof of a request; nothing when it has something against the token. */
export function proofErrors(response: Response): readonly string[] {
  if (response.status !== 401) return [];
  return tokenChallenges(response.headers, "DPoP").flatMap(({ error }) =>
    error !== undefined && aboutProof.has(error) ? [error] : [],
  );
}
