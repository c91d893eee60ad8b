import { McpAuthError } from "../errors/error.js";
import { debugRefusal } from "../lib/debug.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { Token } from "../tokens/token.js";
import type { Authorizer } from "./authorizer.js";
import { type CallHistory, newHistory, tokenAfter } from "./challenge-response.js";
import { discard } from "./discard.js";
import { egressDenied, isWithinReach } from "./reach.js";
import { becomesGet, redirectLimit, redirectTarget, withoutBodyHeaders } from "./redirect.js";
import { parseRequest, type ReplayableRequest } from "./replayable-request.js";
import { requestKind } from "./request-kind.js";
import { sendWithToken } from "./send-with-token.js";

/**
 * A `fetch` that sends each request with the server's token, to the server only. The header, and the proof that a token
 * bound to a key needs (RFC 9449), are added when the request is sent. After a 401, or a 403 that says `invalid_token`, the
 * request is sent again with another token if there is one, after a 403 for want of scopes with a token that has them, three
 * times at most. A response that refuses the new token too is returned.
 *
 * Rejects with `egress_denied` for a URL, or a redirect, outside of the server's reach, with the codes of
 * `getAccessToken` when no token can be had, with `insufficient_scope` when the server wants a scope that the config
 * does not allow, and with what the underlying `fetch` rejects with.
 */
export function createAuthorizedFetch(authorizer: Authorizer): FetchFunction {
  return async function authorizedFetch(input, init) {
    return await send(authorizer, parseRequest(input, init));
  };
}

async function send(authorizer: Authorizer, first: ReplayableRequest): Promise<Response> {
  const { name, url: server, reach } = authorizer;
  let history: CallHistory | undefined;
  let outgoing = first;
  let url = first.url;
  let next: Token | undefined;
  let location: string | null = null;
  for (let redirects = 0; ; ) {
    if (!isWithinReach(url, server, reach)) {
      const what = redirects === 0 ? "The URL lies" : "The server redirects to a URL";
      throw egressDenied(name, server, reach, what, location);
    }
    const token: Token = next ?? (await authorizer.token(outgoing.signal));
    const pending = authorizer.pending?.();
    const response = await sendWithToken(authorizer, outgoing, url, token);
    if (response.status === 401 || response.status === 403) {
      history ??= newHistory();
      next = await tokenAfter(authorizer, { request: outgoing, url, token, response, pending }, history);
      debugRefusal(name, response.status, next !== undefined);
      if (next === undefined) return response;
      discard(response);
      continue;
    }
    if (response.ok) noteAccepted(authorizer, outgoing, url);
    const target = redirectTarget(response, url);
    if (target === undefined || outgoing.redirect === "manual") return response;
    discard(response);
    redirects += 1;
    location = response.headers.get("location");
    outgoing = redirected(name, outgoing, { status: response.status, location, redirects });
    url = target;
    next = undefined;
  }
}

function noteAccepted(authorizer: Authorizer, outgoing: ReplayableRequest, url: URL): void {
  authorizer.accepted(() => requestKind(outgoing, url));
}

interface Redirect {
  readonly status: number;
  /** As the server wrote it. */
  readonly location: string | null;
  /** How many there were, with this one. */
  readonly redirects: number;
}

/** The request as it goes to where a redirect points. */
function redirected(
  name: string,
  outgoing: ReplayableRequest,
  { status, location, redirects }: Redirect,
): ReplayableRequest {
  if (outgoing.redirect === "error") throw new TypeError("fetch failed: unexpected redirect");
  if (redirects > redirectLimit) throw tooManyRedirects(name, location);
  if (becomesGet(status, outgoing.method)) return outgoing.asGet(withoutBodyHeaders(outgoing.headers));
  if (!outgoing.replayable) throw cannotReplay(name, location);
  return outgoing;
}

function tooManyRedirects(server: string, location: string | null): McpAuthError {
  const message = `Server "${server}" redirected more than ${redirectLimit} times.`;
  return new McpAuthError("egress_denied", message, { server, details: { location } });
}

function cannotReplay(name: string, location: string | null): McpAuthError {
  return new McpAuthError(
    "egress_denied",
    `Server "${name}" redirected a request whose body is a stream that cannot be sent again. ` +
      "Use the URL that it redirects to, which the error's `details` has, or send the body as a string or bytes.",
    { server: name, details: { location } },
  );
}
