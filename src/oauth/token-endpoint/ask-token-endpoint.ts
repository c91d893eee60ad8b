import { refusesCredential } from "../../diagnosis/facts.js";
import type { Target } from "../../discovery/metadata.js";
import { parseJsonObject } from "../../lib/json-object.js";
import type { TokenRequestResult } from "./token-request.js";

type Found = Pick<Target, "authorizationServer">;

export interface TokenEndpointExchange<F extends Found> {
  /** Finds the metadata of the authorization server. */
  readonly find: () => Promise<F>;
  /** Makes the next `find` read the metadata again. */
  readonly expireMetadata: () => void;
  /** Whether the request presents an assertion that we signed, in addition to the client's own. */
  readonly presentsSigned?: boolean;
  /** Each call sends a new request. */
  readonly send: (found: F) => Promise<TokenRequestResult>;
}

/**
 * Sends a token request, and sends it again, once for each of these reasons: the server requires a DPoP nonce that it
 * has just sent (RFC 9449 §8); the response shows that the server's clock differs from ours, and the server may have
 * refused the time in an assertion; the endpoint is gone, and newer metadata names another one. Returns the last
 * response.
 */
export async function askTokenEndpoint<F extends Found>({
  find,
  expireMetadata,
  send,
  presentsSigned = false,
}: TokenEndpointExchange<F>): Promise<{ readonly found: F; readonly result: TokenRequestResult }> {
  const needsNewTime = (result: TokenRequestResult): boolean => mayHaveRefusedTime(result, presentsSigned);
  const unusedReasons = new Set([needsNewNonce, needsNewTime]);
  let hasReadMetadataAgain = false;
  let found = await find();
  for (;;) {
    const result = await send(found);
    const reason = [...unusedReasons].find((applies) => applies(result));
    if (reason !== undefined) {
      unusedReasons.delete(reason);
      continue;
    }
    if (hasReadMetadataAgain || !isGone(result)) return { found, result };
    hasReadMetadataAgain = true;
    const previousEndpoints = endpoints(found);
    expireMetadata();
    found = await find();
    if (endpoints(found) === previousEndpoints) return { found, result };
    // For the new endpoint, both reasons count again.
    unusedReasons.add(needsNewNonce).add(needsNewTime);
  }
}

function needsNewNonce({ response, dpopSigner, isNonceOutdated }: TokenRequestResult): boolean {
  if (dpopSigner === undefined || !isNonceOutdated) return false;
  const { status, body } = response;
  return (status === 400 || status === 401) && parseJsonObject(body)?.["error"] === "use_dpop_nonce";
}

/** Returns whether the server may have refused an assertion or a proof only because of the time in it. */
function mayHaveRefusedTime(
  { response, isTimeOutdated }: TokenRequestResult,
  presentsSigned: boolean,
): boolean {
  const { status, body } = response;
  if (!isTimeOutdated || status >= 500) return false;
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

function isGone({ response }: TokenRequestResult): boolean {
  return response.status === 404 || response.status === 405;
}

function endpoints({ authorizationServer }: Found): string {
  const { token_endpoint, mtls_endpoint_aliases } = authorizationServer;
  return JSON.stringify([token_endpoint, mtls_endpoint_aliases?.token_endpoint]);
}
