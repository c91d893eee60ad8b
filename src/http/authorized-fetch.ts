import { McpAuthError } from "../errors/error.js";
import type { FetchFunction } from "../net/bounded-fetch.js";
import type { Token } from "../tokens/token.js";
import { type Outgoing, takeApart } from "./outgoing.js";
import { egressDenied, isWithinReach, type Reach } from "./reach.js";
import { becomesGet, redirectLimit, redirectTarget, withoutBodyHeaders } from "./redirect.js";

/** What an authorized `fetch` needs from the token manager around it. */
export interface Authorizer {
  readonly name: string;
  readonly url: URL;
  readonly reach: Reach;
  readonly fetch: FetchFunction;
  /** A usable token. */
  token(signal: AbortSignal | undefined): Promise<Token>;
  /** The `headers` of the config, secrets resolved. */
  headers(): Promise<Readonly<Record<string, string>>> | undefined;
  /** The server took this token. */
  accepted(token: Token): void;
  /** The server answered 401 to this token. */
  rejected(token: Token, response: Response, url: URL): void;
}

/**
 * A `fetch` that sends each request with the server's token, to the server only. The header is added when the
 * request is sent; after a 401 the token is replaced and the request is sent once more.
 *
 * Rejects with `egress_denied` for a URL, or a redirect, outside of the server's reach, with the codes of
 * `getAccessToken` when no token can be had, and with what the underlying `fetch` rejects with.
 */
export function createAuthorizedFetch(authorizer: Authorizer): FetchFunction {
  return async function authorizedFetch(input, init) {
    return await send(authorizer, takeApart(input, init));
  };
}

async function send(authorizer: Authorizer, first: Outgoing): Promise<Response> {
  const { name, url: server, reach } = authorizer;
  let outgoing = first;
  let url = first.url;
  let mayRetry = true;
  for (let redirects = 0; ; ) {
    if (!isWithinReach(url, server, reach)) {
      throw egressDenied(
        name,
        server,
        reach,
        redirects === 0 ? "The URL lies" : "The server redirects to a URL",
      );
    }
    const token = await authorizer.token(outgoing.signal);
    const response = await sendOnce(authorizer, outgoing, url, token);
    if (response.status === 401) {
      authorizer.rejected(token, response, url);
      if (!mayRetry || !outgoing.replayable) return response;
      if (!(await isReplaced(authorizer, token, response, outgoing.signal))) return response;
      mayRetry = false;
      discard(response);
      continue;
    }
    if (response.ok) authorizer.accepted(token);
    const next = redirectTarget(response, url);
    if (next === undefined || outgoing.redirect === "manual") return response;
    discard(response);
    redirects += 1;
    outgoing = redirected(name, outgoing, response.status, redirects);
    url = next;
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

async function sendOnce(
  authorizer: Authorizer,
  outgoing: Outgoing,
  url: URL,
  token: Token,
): Promise<Response> {
  const headers = new Headers(outgoing.headers);
  for (const [name, value] of Object.entries((await authorizer.headers()) ?? {})) {
    if (!headers.has(name)) headers.set(name, value);
  }
  // A caller's own Authorization never goes out: this server takes the token that was got for it.
  headers.set("authorization", `${token.tokenType} ${token.accessToken}`);
  return await outgoing.send(authorizer.fetch, url, headers);
}

/** Whether there is another token to try. */
async function isReplaced(
  authorizer: Authorizer,
  token: Token,
  response: Response,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  try {
    return (await authorizer.token(signal)).accessToken !== token.accessToken;
  } catch (error) {
    // After `stop()` there will be no other: the 401 is what is left to say.
    if (error instanceof McpAuthError && error.code === "stopped") return false;
    discard(response);
    throw error;
  }
}

/** Frees the connection of a response that nobody will read. */
function discard(response: Response): void {
  response.body?.cancel().catch(() => {});
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
