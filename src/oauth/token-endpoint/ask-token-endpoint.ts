import { refusesCredential } from "../../diagnosis/facts.js";
import type { Target } from "../../discovery/metadata.js";
import { parseJsonObject } from "../../lib/json-object.js";
import type { TokenAnswer } from "./token-request.js";

type Found = Pick<Target, "authorizationServer">;

export interface Question<F extends Found> {
  readonly find: () => Promise<F>;
  /** Drops what is known of the authorization server. */
  readonly forget: () => void;
  /** Whether the request presents a JWT that we have signed, beside what says who the client is. */
  readonly presentsSigned?: boolean;
  /** Each call makes a request of its own. */
  readonly send: (found: F) => Promise<TokenAnswer>;
}

/**
 * Asks a token endpoint until there is an answer to judge. The metadata of one that is gone may be older than its
 * move: it is looked for once more. One that wants a DPoP nonce which it has just given (RFC 9449 §8) is asked once
 * more, and so is one that refused what we signed and thereby told that its clock differs from ours. Each request is made
 * anew.
 */
export async function askTokenEndpoint<F extends Found>({
  find,
  forget,
  send,
  presentsSigned = false,
}: Question<F>): Promise<{ readonly found: F; readonly answer: TokenAnswer }> {
  const ask = async (found: F): Promise<TokenAnswer> => {
    let answer = await send(found);
    const reasons = new Set([wantsNewNonce, (one: TokenAnswer) => wantsNewTime(one, presentsSigned)]);
    for (;;) {
      const reason = [...reasons].find((wants) => wants(answer));
      if (reason === undefined) return answer;
      reasons.delete(reason);
      answer = await send(found);
    }
  };
  let found = await find();
  let answer = await ask(found);
  if (isGone(answer)) {
    const before = endpoints(found);
    forget();
    found = await find();
    if (endpoints(found) !== before) answer = await ask(found);
  }
  return { found, answer };
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
