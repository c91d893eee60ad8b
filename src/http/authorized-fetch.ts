import { McpAuthError } from "../errors/error.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { Token } from "../tokens/token.js";
import type { Authorizer } from "./authorizer.js";
import { discard } from "./discard.js";
import { type Outgoing, takeApart } from "./outgoing.js";
import { egressDenied, isWithinReach } from "./reach.js";
import { becomesGet, redirectLimit, redirectTarget, withoutBodyHeaders } from "./redirect.js";
import { type Budget, fullBudget, tokenAfter } from "./refusal.js";
import { sendWithToken } from "./send-with-token.js";

/**
 * A `fetch` that sends each request with the server's token, to the server only. The header, and the proof that a token
 * bound to a key needs (RFC 9449), are added when the request is sent. After a 401 the token is replaced and the request
 * is sent once more, after a 403 for want of scopes with a token that has them, three times at most.
 *
 * Rejects with `egress_denied` for a URL, or a redirect, outside of the server's reach, with the codes of
 * `getAccessToken` when no token can be had, with `insufficient_scope` when the server wants a scope that the config
 * does not allow, and with what the underlying `fetch` rejects with.
 */
export function createAuthorizedFetch(authorizer: Authorizer): FetchFunction {
  return async function authorizedFetch(input, init) {
    return await send(authorizer, takeApart(input, init));
  };
}

async function send(authorizer: Authorizer, first: Outgoing): Promise<Response> {
  const { name, url: server, reach } = authorizer;
  let budget: Budget | undefined;
  let outgoing = first;
  let url = first.url;
  let next: Token | undefined;
  for (let redirects = 0; ; ) {
    if (!isWithinReach(url, server, reach)) {
      throw egressDenied(
        name,
        server,
        reach,
        redirects === 0 ? "The URL lies" : "The server redirects to a URL",
      );
    }
    const token: Token = next ?? (await authorizer.token(outgoing.signal));
    const response = await sendWithToken(authorizer, outgoing, url, token);
    if (response.status === 401 || response.status === 403) {
      budget ??= { ...fullBudget };
      next = await tokenAfter(authorizer, { outgoing, url, token, response }, budget);
      if (next === undefined) return response;
      discard(response);
      continue;
    }
    if (response.ok) authorizer.accepted(token);
    const target = redirectTarget(response, url);
    if (target === undefined || outgoing.redirect === "manual") return response;
    discard(response);
    redirects += 1;
    outgoing = redirected(name, outgoing, response.status, redirects);
    url = target;
    next = undefined;
  }
}

/** The request as it goes to where a redirect points. */
function redirected(name: string, outgoing: Outgoing, status: number, redirects: number): Outgoing {
  if (outgoing.redirect === "error") throw new TypeError("fetch failed: unexpected redirect");
  if (redirects > redirectLimit) throw tooManyRedirects(name);
  if (becomesGet(status, outgoing.method)) return outgoing.asGet(withoutBodyHeaders(outgoing.headers));
  if (!outgoing.replayable) throw cannotReplay(name);
  return outgoing;
}

function tooManyRedirects(name: string): McpAuthError {
  return new McpAuthError("egress_denied", `Server "${name}" redirected more than ${redirectLimit} times.`, {
    server: name,
  });
}

function cannotReplay(name: string): McpAuthError {
  return new McpAuthError(
    "egress_denied",
    `Server "${name}" redirected a request whose body is a stream that cannot be sent again. ` +
      "Use the URL that it redirects to, or send the body as a string or bytes.",
    { server: name },
  );
}
