import type { IncomingMessage } from "node:http";

/** Why a request is refused, as the answer to it. */
export interface Refusal {
  readonly status: 400 | 403 | 404 | 405;
  /** One sentence. Contains nothing of the request. */
  readonly message: string;
}

/** The address that a request came to: `127.0.0.1:8484`, or `undefined` for a unix socket. */
export type LocalAuthority = string | undefined;

/**
 * Refuses requests that no MCP client on this machine sends: those of a web page, also of one whose host name resolves
 * to this machine (DNS rebinding), and those that use the proxy as a proxy for the web. Looks only at the head of the
 * request. Node has already refused a head that is ambiguous, such as one with two lengths.
 */
export function refuseForeign(
  request: Pick<IncomingMessage, "httpVersionMajor" | "method" | "url" | "headers" | "rawHeaders">,
  authority: LocalAuthority,
): Refusal | undefined {
  const { method = "", url = "", headers } = request;
  if (authority !== undefined && headers.host !== authority) {
    return {
      status: 403,
      message: `The Host header must be ${authority}, the address that this proxy listens on. Use that address in the URL.`,
    };
  }
  // Node also reads `HTTP/2.0` in the first line as if it were 1.1.
  if (request.httpVersionMajor !== 1) {
    return { status: 400, message: "This proxy speaks HTTP/1.1. Use another HTTP client." };
  }
  if (hasSeveralHosts(request)) {
    return { status: 400, message: "The request must have one Host header. This one has several." };
  }
  if (!url.startsWith("/")) {
    return {
      status: 400,
      message: "This is not a proxy for the web: a request must name a path, not a URL or a host.",
    };
  }
  // TRACE would return the token to the caller.
  if (method === "CONNECT" || method === "TRACE" || method === "TRACK") {
    return { status: 405, message: "This proxy does not accept the method of the request." };
  }
  return isFromPage(headers, authority, isPageRequest(request)) ? fromPage : undefined;
}

/**
 * Whether a browser opens the status page: the only navigation that is answered, because the page contains no data. A
 * program that has the token gets the status instead.
 */
export function isPageRequest({
  method,
  url,
  headers,
}: Pick<IncomingMessage, "method" | "url" | "headers">): boolean {
  const { accept = "", authorization } = headers;
  return (
    method === "GET" && url === "/-/status" && authorization === undefined && accept.includes("text/html")
  );
}

/**
 * Browsers send `Sec-Fetch-Site` for every page, also where they send no `Origin`, as for an image. Programs send none
 * (the `fetch` of Node), or `none` (that of Electron).
 */
function isFromPage(
  headers: IncomingMessage["headers"],
  authority: LocalAuthority,
  isForStatusPage: boolean,
): boolean {
  const { origin } = headers;
  if (origin !== undefined && (authority === undefined || origin !== `http://${authority}`)) return true;
  if (headers["access-control-request-method"] !== undefined) return true;
  if (headers["sec-fetch-mode"] === "navigate") {
    // A frame of another page, or an object in it, is a navigation too.
    const { "sec-fetch-dest": destination = "document" } = headers;
    if (!isForStatusPage || destination !== "document") return true;
  }
  const site = headers["sec-fetch-site"];
  return site === "cross-site" || site === "same-site";
}

/** Node keeps only the first. Such a request means different things to different programs (RFC 9112 §3.2). */
function hasSeveralHosts({ rawHeaders }: Pick<IncomingMessage, "rawHeaders">): boolean {
  let hosts = 0;
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index];
    if (name?.length === 4 && name.toLowerCase() === "host") hosts += 1;
  }
  return hosts > 1;
}

const fromPage: Refusal = {
  status: 403,
  message:
    "The request comes from a browser, and this proxy serves no web page but its status. Print its address: " +
    "npx mcp-auth-runtime status --url",
};
