import { secondsApart } from "../../net/server-clocks.js";
import { type RejectedRequest, rejectsCredential } from "../facts.js";
import type { Finding } from "../finding.js";

/** The clocks may differ too much: the server then rejects every signature that is made here. */
export function checkClock({ endpoint, rejection }: RejectedRequest): Finding | undefined {
  const { issuer, clockSkew, presents } = endpoint;
  const { status, oauthError } = rejection;
  const mayBeClock =
    oauthError === undefined ||
    oauthError === "invalid_client" ||
    oauthError === "invalid_dpop_proof" ||
    (oauthError === "invalid_grant" && presents === "signed_assertion") ||
    rejectsCredential(status);
  if (clockSkew === undefined || !mayBeClock) return undefined;
  return {
    id: "clock_differs",
    cause:
      `The clock of ${issuer} is ${secondsApart(clockSkew)} the clock of this machine, too much for a signature made ` +
      "here to be valid there.",
    remedy: "Correct the wrong clock first.",
  };
}
