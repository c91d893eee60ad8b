import { refusesCredential } from "../../diagnosis/facts.js";
import type { Target } from "../../discovery/metadata.js";
import { parseJsonObject } from "../../lib/json-object.js";
import type { TokenAnswer } from "./token-request.js";

type Found = Pick<Target, "authorizationServer">;

export interface Question<F extends Found> {
  readonly find: () => Promise<F>;
  /** Drops what is known of the authorization server. */
  readonly forget: () => void;
  /** Whether the request presents an assertion that we have signed, beside the client's own. */
  readonly presentsSigned?: boolean;
  /** Each call sends a new request. */
  readonly send: (found: F) => Promise<TokenAnswer>;
}

/**
 * Asks a token endpoint until there is a response to judge. Asks again, once for each reason, when the server gave a DPoP
 * nonce that it wants (RFC 9449 §8), when its response shows that its clock differs from ours and it may have refused the
 * time in an assertion, and when the endpoint is gone and newer metadata names another one.
 */
export async function askTokenEndpoint<F extends Found>({
  find,
  forget,
  send,
  presentsSigned = false,
}: Question<F>): Promise<{ readonly found: F; readonly answer: TokenAnswer }> {
  const wantsTime = (answer: TokenAnswer): boolean => wantsNewTime(answer, presentsSigned);
  const reasons = new Set([wantsNewNonce, wantsTime]);
  let hasLookedAgain = false;
  let found = await find();
  for (;;) {
    const answer = await send(found);
    const reason = [...reasons].find((wants) => wants(answer));
    if (reason !== undefined) {
      reasons.delete(reason);
      continue;
    }
    if (hasLookedAgain || !isGone(answer)) return { found, answer };
    hasLookedAgain = true;
    const before = endpoints(found);
    forget();
    found = await find();
    if (endpoints(found) === before) return { found, answer };
    for (const again of [wantsNewNonce, wantsTime]) reasons.add(again);
  }
}

function wantsNewNonce({ response, dpopSigner, hasNewNonce }: TokenAnswer): boolean {
  if (dpopSigner === undefined || !hasNewNonce) return false;
  const { status, body } = response;
  return (status === 400 || status === 401) && parseJsonObject(body)?.["error"] === "use_dpop_nonce";
}

/** Whether the server may have refused what was signed only because of the time that it was signed in. */
function wantsNewTime({ response, hasNewTime }: TokenAnswer, presentsSigned: boolean): boolean {
  const { status, body } = response;
  if (!hasNewTime || status >= 500) return false;
  switch (parseJsonObject(body)?.["error"]) {
    case "invalid_client":
    case "invalid_dpop_proof":
      return true;
    case "invalid_grant":
      return presentsSigned;
    case "use_dpop_nonce":
      return false;
    default:
      return refusesCredential(status);
  }
}

function isGone({ response }: TokenAnswer): boolean {
  return response.status === 404 || response.status === 405;
}

function endpoints({ authorizationServer }: Found): string {
  const { token_endpoint, mtls_endpoint_aliases } = authorizationServer;
  return JSON.stringify([token_endpoint, mtls_endpoint_aliases?.token_endpoint]);
}
