import type { DpopSigner } from "../dpop/dpop.js";
import { rememberShortLived, rememberToken } from "../errors/sent-credentials.js";
import { debugRequest } from "../lib/debug.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { discard } from "../net/discard.js";
import { clockSkewMessage } from "../net/server-clocks.js";
import type { Token } from "../tokens/token.js";
import type { Authorizer } from "./authorizer.js";
import { type ProofError, proofErrors } from "./proof-errors.js";
import type { ReplayableRequest } from "./replayable-request.js";

/**
 * Sends a request with the headers of the config, the token, and the proof or certificate that must accompany the
 * token.
 */
export async function sendWithToken(
  authorizer: Authorizer,
  request: ReplayableRequest,
  url: URL,
  token: Token,
): Promise<Response> {
  const headers = new Headers(request.headers);
  for (const [name, value] of Object.entries((await authorizer.headers(request.signal)) ?? {})) {
    // The config wins over a header of the caller, which a model may have written.
    headers.set(name, value);
  }
  const { binding } = token;
  const dpopSigner = binding?.dpopSigner;
  // The caller's own `Authorization` and proof are replaced: the server gets the token that was issued for it.
  headers.set("authorization", `${dpopSigner === undefined ? token.tokenType : "DPoP"} ${token.accessToken}`);
  headers.delete("dpop");
  const fetch = binding?.certificate?.fetch ?? authorizer.fetch;
  const onOutcome = debugRequest("MCP server", { url, method: request.method, server: authorizer.name });
  try {
    const response = await (dpopSigner === undefined
      ? request.send(fetch, url, headers)
      : sendWithProof(authorizer, { request, url, token, headers, fetch, dpopSigner }));
    onOutcome(response.status);
    return response;
  } catch (error) {
    onOutcome("network error");
    throw withoutBytes(error);
  } finally {
    // After each request, because the list of sent credentials forgets old ones, and the server may quote the token.
    rememberToken(token, token.accessToken);
  }
}

interface BoundRequest {
  readonly request: ReplayableRequest;
  readonly url: URL;
  readonly token: Token;
  readonly headers: Headers;
  readonly fetch: FetchFunction;
  readonly dpopSigner: DpopSigner;
}

/**
 * Sends a request with a DPoP proof. Sends it once more with a new proof if the server wants another nonce (RFC 9449
 * §9), and once more if the server refused the proof and its response shows that its clock differs from ours.
 */
async function sendWithProof(authorizer: Authorizer, bound: BoundRequest): Promise<Response> {
  const { nonces, serverClocks, limits } = authorizer;
  const { request, url, headers, fetch, dpopSigner } = bound;
  const { method, signal, replayable } = request;
  const { accessToken } = bound.token;
  const retriedErrors = new Set<string>();
  for (;;) {
    const nonce = nonces?.get("resource", url);
    const time = serverClocks?.at(url);
    const prove = (limited: AbortSignal | undefined) =>
      dpopSigner.proof({ method, url, accessToken, nonce, time, signal: limited });
    const proof = await (limits?.run("the DPoP proof", signal, prove) ?? prove(signal));
    headers.set("dpop", proof);
    const response = await request.send(fetch, url, headers);
    // Only the body of a failed response can quote the proof in an error.
    if (!response.ok) rememberShortLived(proof);
    nonces?.note("resource", url, response.headers);
    reportClock(authorizer, url);
    // The new nonce may also come from the response to another call.
    const latest = nonces?.get("resource", url);
    const avoidable = {
      use_dpop_nonce: latest !== undefined && latest !== nonce,
      invalid_dpop_proof: time?.isOutdated === true,
    };
    const error = replayable ? avoidableError(response, avoidable, retriedErrors) : undefined;
    if (error === undefined) return response;
    retriedErrors.add(error);
    discard(response);
  }
}

/**
 * Returns the proof error of a response, if a new proof would avoid it and the request was not sent again for it yet.
 */
function avoidableError(
  response: Response,
  avoidable: Readonly<Record<ProofError, boolean>>,
  retriedErrors: ReadonlySet<string>,
): ProofError | undefined {
  return proofErrors(response).find((error) => avoidable[error] && !retriedErrors.has(error));
}

function reportClock({ name, serverClocks, onClockSkew }: Authorizer, url: URL): void {
  const skew = onClockSkew && serverClocks?.takeReport(url);
  if (skew !== undefined) onClockSkew?.(clockSkewMessage(name, "the MCP server", skew));
}

/** Levels of `cause` that are searched. `fetch` wraps the error of its parser once or twice. */
const maxDepth = 4;

/**
 * Removes from an error of `fetch` the bytes that its HTTP parser could not read. A server can copy the request with
 * the token into them, and the caller may log the error. The rest of the error stays unchanged.
 */
function withoutBytes(error: unknown): unknown {
  let inner = error;
  for (let depth = 0; depth <= maxDepth && inner instanceof Error; depth += 1) {
    if ("data" in inner) Reflect.deleteProperty(inner, "data");
    inner = inner.cause;
  }
  return error;
}
