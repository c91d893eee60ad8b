import type { RejectedRequest } from "../facts.js";
import type { Finding } from "../finding.js";
import { serverOf } from "./names.js";

/** A DPoP proof is missing, or was not accepted (RFC 9449 §5 and §8). */
export function checkProof({ endpoint, rejection }: RejectedRequest): Finding {
  const server = serverOf(endpoint);
  if (endpoint.presents === "identity") {
    return {
      id: "dpop_at_idp",
      cause: `${server} requires a DPoP proof, which a request to an identity provider never has.`,
      remedy: "Have this requirement removed for the client.",
    };
  }
  if (!endpoint.dpop) {
    return {
      id: "dpop_missing",
      cause: `${server} requires a DPoP proof.`,
      remedy: 'Set "dpop" of this server to true.',
      trials: [{ place: "server", property: "dpop", value: true }],
    };
  }
  return rejection.oauthError === "use_dpop_nonce"
    ? {
        id: "dpop_nonce",
        cause: `${server} requires a nonce in the DPoP proof, but does not accept the nonce that it sent.`,
        remedy: "Its log may say more.",
      }
    : {
        id: "dpop_proof",
        cause: `${server} does not accept the DPoP proof.`,
        remedy: 'Check the clock of this machine, and the server\'s "dpop" key.',
      };
}
