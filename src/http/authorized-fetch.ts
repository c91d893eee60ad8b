import { McpAuthError } from "../errors/error.js";
import { debugRefusal } from "../lib/debug.js";
import { detailsHave } from "../lib/details-place.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import { discard } from "../net/discard.js";
import type { Token } from "../tokens/token.js";
import type { Authorizer } from "./authorizer.js";
import { type CallHistory, newHistory, tokenAfter } from "./challenge-response.js";
import { egressDenied, isWithinReach, redirectDenied } from "./reach.js";
import { becomesGet, redirectLimit, redirectTarget, withoutBodyHeaders } from "./redirect.js";
import { parseRequest, type ReplayableRequest } from "./replayable-request.js";
import { requestKind } from "./request-kind.js";
import { sendWithToken } from "./send-with-token.js";

/**
 * Creates a `fetch` that sends each request with the server's token, and only to that server. It adds the
 * `Authorization` header, and the proof for a token that is bound to a key (RFC 9449), when it sends the request.
 *
 * After a 401, or a 403 with `invalid_token`, it sends the request again with another token if there is one. After a
 * 403 with `insufficient_scope` it sends the request again with a token that has the scopes, at most three times. It
 * returns a response that refuses the new token too.
 *
 * Rejects with `egress_denied` for a URL or a redirect outside of the server's reach, with the codes of
 * `getAccessToken` if it gets no token, with `insufficient_scope` if the server wants a scope that the config does not
 * allow, and with the errors of the underlying `fetch`.
 */
export function createAuthorizedFetch(authorizer: Authorizer): FetchFunction {
  return async function authorizedFetch(input, init) {
    return await sendAuthorized(authorizer, parseRequest(input, init));
  };
}

async function sendAuthorized(authorizer: Authorizer, original: ReplayableRequest): Promise<Response> {
  const { name, url: server, reach } = authorizer;
  let history: CallHistory | undefined;
  let request = original;
  let url = original.url;
  let next: Token | undefined;
  /** The URL that was redirected to `url`, and the `Location` as the server wrote it. */
  let from: URL | undefined;
  let location: string | null = null;
  for (let redirects = 0; ; ) {
    if (!isWithinReach(url, server, reach)) {
      if (from === undefined) throw egressDenied(name, server, reach, "The URL lies");
      throw redirectDenied(name, reach, { from, target: url, server }, location);
    }
    const token: Token = next ?? (await authorizer.token(request.signal));
    const pending = authorizer.pending?.();
    const response = await sendWithToken(authorizer, request, url, token);
    if (response.status === 401 || response.status === 403) {
      history ??= newHistory();
      next = await tokenAfter(authorizer, { request, url, token, response, pending }, history);
      debugRefusal(name, response.status, next !== undefined);
      if (next === undefined) return response;
      discard(response);
      continue;
    }
    if (response.ok) noteAccepted(authorizer, request, url);
    const target = redirectTarget(response, url);
    if (target === undefined || request.redirect === "manual") return response;
    discard(response);
    redirects += 1;
    location = response.headers.get("location");
    request = redirected(name, request, { status: response.status, location, redirects });
    from = url;
    url = target;
    next = undefined;
  }
}

function noteAccepted(authorizer: Authorizer, request: ReplayableRequest, url: URL): void {
  authorizer.noteAccepted(() => requestKind(request, url));
}

interface Redirect {
  readonly status: number;
  /** The `Location` header as the server wrote it. */
  readonly location: string | null;
  /** The number of redirects so far, this one included. */
  readonly redirects: number;
}

/** Returns the request that follows a redirect. Throws `egress_denied`, or `TypeError` as `fetch` does. */
function redirected(
  name: string,
  request: ReplayableRequest,
  { status, location, redirects }: Redirect,
): ReplayableRequest {
  if (request.redirect === "error") throw new TypeError("fetch failed: unexpected redirect");
  if (redirects > redirectLimit) throw tooManyRedirects(name, location);
  if (becomesGet(status, request.method)) return request.asGet(withoutBodyHeaders(request.headers));
  if (!request.replayable) throw cannotReplay(name, location);
  return request;
}

function tooManyRedirects(server: string, location: string | null): McpAuthError {
  const message = `Server "${server}" redirected more than ${redirectLimit} times.`;
  return new McpAuthError("egress_denied", message, { server, details: { location } });
}

function cannotReplay(name: string, location: string | null): McpAuthError {
  return new McpAuthError(
    "egress_denied",
    `Server "${name}" redirected a request whose body is a stream that cannot be sent again. ` +
      `Use the URL that it redirects to, or send the body as a string or bytes. ${detailsHave("that URL")}`,
    { server: name, details: { location } },
  );
}
