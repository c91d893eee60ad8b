import type { Target } from "../discovery/metadata.js";
import { parseJsonObject } from "../lib/json-object.js";
import type { TokenAnswer } from "./token-request.js";

type Found = Pick<Target, "authorizationServer">;

export interface Question<F extends Found> {
  readonly find: () => Promise<F>;
  /** Drops what is known of the authorization server. */
  readonly forget: () => void;
  /** Each call makes a request of its own. */
  readonly send: (found: F) => Promise<TokenAnswer>;
}

/**
 * Asks a token endpoint until there is an answer to judge. The metadata of one that is gone may be older than its
 * move: it is looked for once more. One that wants a DPoP nonce which it has just given (RFC 9449 §8) is asked once
 * more, with a request made anew.
 */
export async function askTokenEndpoint<F extends Found>({
  find,
  forget,
  send,
}: Question<F>): Promise<{ readonly found: F; readonly answer: TokenAnswer }> {
  const ask = async (found: F): Promise<TokenAnswer> => {
    const answer = await send(found);
    return wantsNewNonce(answer) ? await send(found) : answer;
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

function wantsNewNonce({ response, prover, hasNewNonce }: TokenAnswer): boolean {
  if (prover === undefined || !hasNewNonce) return false;
  const { status, body } = response;
  return (status === 400 || status === 401) && parseJsonObject(body)?.["error"] === "use_dpop_nonce";
}

function isGone({ response }: TokenAnswer): boolean {
  return response.status === 404 || response.status === 405;
}

function endpoints({ authorizationServer }: Found): string {
  const { token_endpoint, mtls_endpoint_aliases } = authorizationServer;
  return JSON.stringify([token_endpoint, mtls_endpoint_aliases?.token_endpoint]);
}
