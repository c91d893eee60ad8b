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
  { method = "", url = "", headers }: Pick<IncomingMessage, "method" | "url" | "headers">,
  authority: LocalAuthority,
): Refusal | undefined {
  if (authority !== undefined && headers.host !== authority) {
    return {
      status: 403,
      message: `The Host header must be ${authority}, the address that this proxy listens on. Use that address in the URL.`,
    };
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
  if (headers.origin !== undefined && headers.origin !== `http://${authority}`) return fromPage;
  if (headers["access-control-request-method"] !== undefined) return fromPage;
  if (headers["sec-fetch-mode"] === "navigate") return fromPage;
  return undefined;
}

const fromPage: Refusal = {
  status: 403,
  message: "This proxy does not serve web pages, and the request comes from a browser.",
};
