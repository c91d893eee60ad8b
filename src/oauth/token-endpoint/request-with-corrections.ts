import { rejectsCredential } from "../../diagnosis/facts.js";
import type { Target } from "../../discovery/metadata.js";
import { parseJsonObject } from "../../lib/json-object.js";
import type { TokenRequestResult } from "./token-request.js";

type TokenTarget = Pick<Target, "authorizationServer">;

export interface CorrectableRequest<T extends TokenTarget> {
  /** Finds the metadata of the authorization server. */
  readonly findTarget: () => Promise<T>;
  /** Makes the next `findTarget` read the metadata again. */
  readonly expireMetadata: () => void;
  /** Whether the request presents an assertion that we signed, in addition to the client's own. */
  readonly presentsSigned?: boolean;
  /** Each call sends a new request. */
  readonly send: (target: T) => Promise<TokenRequestResult>;
}

/**
 * Sends a token request. Corrects it and sends it again, once for each of these reasons: the server requires a DPoP
 * nonce that it has just sent (RFC 9449 §8); the response shows that the server's clock differs from ours, and the
 * server may have rejected the time in an assertion; the endpoint is gone, and newer metadata names another one.
 * Returns the last response, and the target that it came from.
 */
export async function requestWithCorrections<T extends TokenTarget>({
  findTarget,
  expireMetadata,
  send,
  presentsSigned = false,
}: CorrectableRequest<T>): Promise<{ readonly target: T; readonly result: TokenRequestResult }> {
  const needsNewTime = (result: TokenRequestResult): boolean => mayHaveRejectedTime(result, presentsSigned);
  const unusedReasons = new Set([needsNewNonce, needsNewTime]);
  let hasReadMetadataAgain = false;
  let target = await findTarget();
  for (;;) {
    const result = await send(target);
    const reason = [...unusedReasons].find((applies) => applies(result));
    if (reason !== undefined) {
      unusedReasons.delete(reason);
      continue;
    }
    if (hasReadMetadataAgain || !isGone(result)) return { target, result };
    hasReadMetadataAgain = true;
    const previousEndpoints = endpoints(target);
    expireMetadata();
    target = await findTarget();
    if (endpoints(target) === previousEndpoints) return { target, result };
    // The new endpoint may need the same corrections as the previous one.
    unusedReasons.add(needsNewNonce).add(needsNewTime);
  }
}

function needsNewNonce({ response, dpopSigner, isNonceOutdated }: TokenRequestResult): boolean {
  if (dpopSigner === undefined || !isNonceOutdated) return false;
  const { status, body } = response;
  return (status === 400 || status === 401) && parseJsonObject(body)?.["error"] === "use_dpop_nonce";
}

/** Returns whether the server may have rejected an assertion or a proof only because of the time in it. */
function mayHaveRejectedTime(
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
      return rejectsCredential(status);
  }
}

function isGone({ response }: TokenRequestResult): boolean {
  return response.status === 404 || response.status === 405;
}

function endpoints({ authorizationServer }: TokenTarget): string {
  const { token_endpoint, mtls_endpoint_aliases } = authorizationServer;
  return JSON.stringify([token_endpoint, mtls_endpoint_aliases?.token_endpoint]);
}
