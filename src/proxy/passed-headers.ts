import type { IncomingHttpHeaders } from "node:http";

/** They concern one connection (RFC 9110 §7.6.1), or the message on it. */
const hopByHop = [
  ...["connection", "keep-alive", "transfer-encoding", "upgrade", "http2-settings", "te", "trailer"],
  ...["proxy-connection", "expect", "host"],
];

/** Credentials of the caller, which are not for the server, and what says where the request comes from. */
const droppedFromRequests = new Set([
  ...hopByHop,
  ...[
    "authorization",
    "cookie",
    "cookie2",
    "dpop",
    "accept-encoding",
    "content-length",
    "mcp-auth-proxy-token",
  ],
  ...["origin", "referer", "forwarded", "x-real-ip", "x-client-ip", "via"],
]);

/** What would make a host log in, keep something for the address of the proxy, or talk to another place. */
const droppedFromResponses = new Set([
  ...hopByHop,
  ...["www-authenticate", "authentication-info", "set-cookie", "set-cookie2", "location", "content-location"],
  ...["refresh", "link", "alt-svc", "clear-site-data", "service-worker-allowed", "dpop-nonce"],
  ...["strict-transport-security", "content-security-policy-report-only", "report-to", "nel"],
  ...[
    "reporting-endpoints",
    "timing-allow-origin",
    "speculation-rules",
    "accept-ch",
    "critical-ch",
    "sourcemap",
    "x-sourcemap",
    "public-key-pins",
    "expect-ct",
  ],
]);

/** Of responses: a page that is opened as a document gets no rights, and nothing is stored. */
const ownResponseHeaders = {
  "content-security-policy": "sandbox; default-src 'none'",
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cache-control": "no-store",
} as const;

/** Returns the headers of a request that the server gets. Those of the config and the token are added later. */
export function requestHeaders(headers: IncomingHttpHeaders): [string, string][] {
  const perConnection = connectionOptions(headers.connection);
  const passed: [string, string][] = [];
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || droppedFromRequests.has(name) || perConnection.has(name)) continue;
    if (/^(?:x-forwarded(?:-|$)|proxy-|sec-|access-control-)/.test(name)) continue;
    passed.push([name, typeof value === "string" ? value : value.join(", ")]);
  }
  // The body is passed on as it is, so the server must not choose an encoding that the caller may not know.
  passed.push(["accept-encoding", "identity"]);
  return passed;
}

/**
 * Returns the headers of a response that the caller gets.
 *
 * @param received by lower-case name
 * @param secrets values that were sent with the request. A header that has one is dropped: some servers return what
 *   they received.
 * @param isChanged whether the length and the encoding of the body are no longer those that the server sent
 */
export function responseHeaders(
  received: Readonly<Record<string, string | string[] | undefined>>,
  { secrets, isChanged }: { readonly secrets: readonly string[]; readonly isChanged: boolean },
): Record<string, string | string[]> {
  const perConnection = connectionOptions(received["connection"]);
  const passed: Record<string, string | string[]> = {};
  for (const name in received) {
    const value = received[name];
    if (value === undefined || droppedFromResponses.has(name) || perConnection.has(name)) continue;
    if (/^(?:access-control-|cross-origin-|proxy-)/.test(name)) continue;
    if (isChanged && (name === "content-encoding" || name === "content-length")) continue;
    if (secrets.some((secret) => hasPart(value, secret))) continue;
    passed[name] = value;
  }
  return Object.assign(passed, ownResponseHeaders);
}

function hasPart(value: string | readonly string[], part: string): boolean {
  return typeof value === "string" ? value.includes(part) : value.some((each) => each.includes(part));
}

/** Returns the headers that a `Connection` header names: the other side must not get them. */
function connectionOptions(connection: string | readonly string[] | undefined): ReadonlySet<string> {
  if (connection === undefined || connection === "keep-alive") return noOptions;
  const named = String(connection).toLowerCase().split(",");
  return new Set(named.map((name) => name.trim()));
}

const noOptions: ReadonlySet<string> = new Set();

/** Headers of a response that the proxy writes itself. */
export function ownHeaders(contentType: string | undefined): Record<string, string> {
  return { ...ownResponseHeaders, ...(contentType !== undefined && { "content-type": contentType }) };
}
