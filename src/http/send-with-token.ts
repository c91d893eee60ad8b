import type { DpopSigner } from "../dpop/dpop.js";
import { rememberShortLived } from "../errors/sent-credentials.js";
import { debugRequest } from "../lib/debug.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { clockSkewMessage } from "../net/server-clocks.js";
import type { Token } from "../tokens/token.js";
import type { Authorizer } from "./authorizer.js";
import { discard } from "./discard.js";
import { type ProofError, proofErrors } from "./proof-errors.js";
import type { ReplayableRequest } from "./replayable-request.js";
import { withoutBytes } from "./without-bytes.js";

/** Sends a request with the config's headers, the token and what has to accompany it. */
export async function sendWithToken(
  authorizer: Authorizer,
  outgoing: ReplayableRequest,
  url: URL,
  token: Token,
): Promise<Response> {
  const headers = new Headers(outgoing.headers);
  for (const [name, value] of Object.entries((await authorizer.headers(outgoing.signal)) ?? {})) {
    // The caller, or a model behind it, does not change what the config says.
    headers.set(name, value);
  }
  const { binding } = token;
  const prover = binding?.prover;
  // A caller's own Authorization never goes out: this server takes the token that was got for it. Nor does a proof of
  // the caller's: it would be for another token.
  headers.set("authorization", `${prover === undefined ? token.tokenType : "DPoP"} ${token.accessToken}`);
  headers.delete("dpop");
  const fetch = binding?.certificate?.fetch ?? authorizer.fetch;
  const onOutcome = debugRequest("MCP server", { url, method: outgoing.method, server: authorizer.name });
  try {
    const response = await (prover === undefined
      ? outgoing.send(fetch, url, headers)
      : sendWithProof(authorizer, { outgoing, url, token, headers, fetch, prover }));
    onOutcome(response.status);
    return response;
  } catch (error) {
    onOutcome("network error");
    throw withoutBytes(error);
  } finally {
    // Each time, since one that is used for long could be forgotten; now, since the server may have quoted it.
    rememberShortLived(token.accessToken);
  }
}

interface Proven {
  readonly outgoing: ReplayableRequest;
  readonly url: URL;
  readonly token: Token;
  readonly headers: Headers;
  readonly fetch: FetchFunction;
  readonly prover: DpopSigner;
}

/**
 * Each time with a new proof; once more when the server wants another nonce than the proof had (RFC 9449 §9), and once more
 * when it refused the proof and thereby told that its clock differs from ours.
 */
async function sendWithProof(authorizer: Authorizer, proven: Proven): Promise<Response> {
  const { nonces, serverClocks, limits } = authorizer;
  const { outgoing, url, headers, fetch, prover } = proven;
  const { method, signal, replayable } = outgoing;
  const { accessToken } = proven.token;
  const tried = new Set<string>();
  for (;;) {
    const nonce = nonces?.get("resource", url);
    const time = serverClocks?.at(url);
    const prove = (ends: AbortSignal | undefined) =>
      prover.proof({ method, url, accessToken, nonce, time, signal: ends });
    const proof = await (limits?.run("the DPoP proof", signal, prove) ?? prove(signal));
    headers.set("dpop", proof);
    const response = await outgoing.send(fetch, url, headers);
    // Of no other response anything gets into an error, and each request has a proof of its own to remember.
    if (!response.ok) rememberShortLived(proof);
    nonces?.note("resource", url, response.headers);
    reportClock(authorizer, url);
    // Not what this response brought: the response to another call may have brought it before.
    const latest = nonces?.get("resource", url);
    const remedied = {
      use_dpop_nonce: latest !== undefined && latest !== nonce,
      invalid_dpop_proof: time?.isOutdated === true,
    };
    const error = replayable ? remediable(response, remedied, tried) : undefined;
    if (error === undefined) return response;
    tried.add(error);
    discard(response);
  }
}

/** What the server has against the proof that another one would not have, and for which there was no other yet. */
function remediable(
  response: Response,
  remedied: Readonly<Record<ProofError, boolean>>,
  tried: ReadonlySet<string>,
): ProofError | undefined {
  return proofErrors(response).find((error) => remedied[error] && !tried.has(error));
}

function reportClock({ name, serverClocks, onClockSkew }: Authorizer, url: URL): void {
  const skew = onClockSkew && serverClocks?.takeReport(url);
  if (skew !== undefined) onClockSkew?.(clockSkewMessage(name, "the MCP server", skew));
}
