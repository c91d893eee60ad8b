import { expect } from "vitest";
import {
  type Answer,
  answered,
  answeredOnce,
  body,
  bomb,
  empty,
  grantedToken,
  html,
  oauthError,
  raw,
} from "./bad-answers.js";
import { type AuthorizationFault, authorizationFaults } from "./fault.js";
import type { AuthorizationWorld } from "./world.js";

const second = 1_000;
const day = 86_400 * second;

const refused = { sees: "token_request_rejected", requests: 1 } as const;
const unavailable = { sees: "unavailable", requests: 4 } as const;
const heldBack = { sees: "unavailable", requests: 1 } as const;
const unusable = { sees: "token_response_invalid", requests: 1 } as const;
/** A body that is not JSON at all, which counts as temporary. */
const garbled = { sees: "token_response_invalid", requests: 4 } as const;
const granted = { sees: "a token", requests: 1 } as const;
const grantedLater = { sees: "a token", requests: 2 } as const;

/** The request has the credential, so the redirect must not be followed. */
function redirected(status: number, what: string): AuthorizationFault {
  return answered(
    {
      name: `${status} ${what}, to another origin`,
      ...refused,
      check: ({ mcp }) => expect(mcp.requests.filter(({ url }) => url.includes("stolen"))).toEqual([]),
    },
    ({ mcp }, response) => response.writeHead(status, { location: `${mcp.origin}/stolen` }).end(),
  );
}

/** Returns the milliseconds between successive token requests. */
function pauses({ exchanges, tokenEndpoint }: AuthorizationWorld): readonly number[] {
  const at = exchanges.filter(({ url }) => url === tokenEndpoint).map((exchange) => exchange.at);
  return at.slice(1).map((time, index) => time - (at[index] ?? 0));
}

/** Checks that one pause was as long as requested, or up to a tenth and the rounding of a date longer. */
function expectPause(from: number): (world: AuthorizationWorld) => void {
  return (world) => {
    const waited = pauses(world).filter((pause) => pause >= from && pause <= (from + second) * 1.1);
    expect(waited).not.toEqual([]);
  };
}

/** A response whose `Retry-After` is a date, rounded up to a full second. */
function retryAt(milliseconds: number, status: number): Answer {
  return (world, response, request) => {
    const at = Math.ceil((world.clock.now() + milliseconds) / second) * second;
    // The server uses the world's clock.
    const date = new Date(Math.floor(world.clock.now() / second) * second).toUTCString();
    return empty(status, { "retry-after": new Date(at).toUTCString(), date })(world, response, request);
  };
}

const later = (status: number, retryAfter: string) => html(status, { "retry-after": retryAfter });
const challenge = { "www-authenticate": 'Basic realm="clients"' };

const ofOtherGrants = [
  "authorization_pending",
  "slow_down",
  "expired_token",
  "invalid_authorization_details",
  "insufficient_user_authentication",
  "invalid_token",
  "insufficient_scope",
];

authorizationFaults("HTTP", [
  redirected(300, "Multiple Choices"),
  redirected(301, "Moved Permanently"),
  redirected(302, "Found"),
  redirected(303, "See Other"),
  redirected(307, "Temporary Redirect"),
  redirected(308, "Permanent Redirect"),
  answered({ name: "304 Not Modified", ...refused }, empty(304)),

  answered({ name: "400 with `invalid_request`", ...refused }, oauthError("invalid_request")),
  answered(
    { name: "401 with `invalid_client` and a challenge", ...refused },
    oauthError("invalid_client", 401, challenge),
  ),
  answered({ name: "400 with `invalid_grant`", ...refused }, oauthError("invalid_grant")),
  answered({ name: "400 with `unauthorized_client`", ...refused }, oauthError("unauthorized_client")),
  answered({ name: "400 with `unsupported_grant_type`", ...refused }, oauthError("unsupported_grant_type")),
  answered({ name: "400 with `invalid_scope`", ...refused }, oauthError("invalid_scope")),
  answered({ name: "400 with `invalid_target` (RFC 8707)", ...refused }, oauthError("invalid_target")),
  answered({ name: "403 with `access_denied`", ...refused }, oauthError("access_denied", 403)),
  answered(
    { name: "400 with `invalid_dpop_proof` although DPoP is not used (RFC 9449)", ...refused },
    oauthError("invalid_dpop_proof"),
  ),
  answered(
    { name: "400 with `use_dpop_nonce` and a nonce although DPoP is not used", ...refused },
    oauthError("use_dpop_nonce", 400, { "dpop-nonce": "n1" }),
  ),
  answered(
    { name: "400 with `interaction_required`, which needs a person", ...refused },
    oauthError("interaction_required"),
  ),
  ...ofOtherGrants.map((code) =>
    answered({ name: `400 with \`${code}\`, which belongs to another grant`, ...refused }, oauthError(code)),
  ),
  answered({ name: "400 with `server_error`", ...unavailable }, oauthError("server_error")),
  answered(
    { name: "400 with `temporarily_unavailable`", ...unavailable },
    oauthError("temporarily_unavailable"),
  ),
  answered({ name: "400 with an unknown `error`", ...refused }, oauthError("quota_of_moon_exceeded")),
  answered(
    { name: "400 with an `error` that is a sentence with a token in it", ...refused },
    (world, response, request) =>
      oauthError(`${world.canary} ${world.issue()}`, 400)(world, response, request),
  ),
  answered(
    { name: "400 with an `error` that is an object", ...refused },
    oauthError({ code: "invalid_client" }),
  ),
  answered({ name: "400 with HTML", ...refused }, html(400)),
  answered(
    { name: "200 with `invalid_client` instead of a token", ...refused },
    oauthError("invalid_client", 200),
  ),

  ...[401, 403].flatMap((status) =>
    ["server_error", "temporarily_unavailable"].map((code) =>
      answered({ name: `${status} with \`${code}\``, ...refused }, oauthError(code, status)),
    ),
  ),
  answered({ name: "401 with `Retry-After`", ...refused }, html(401, { "retry-after": "90" })),
  answered({ name: "401 with HTML", ...refused }, html(401)),
  answered({ name: "401, empty", ...refused }, empty(401)),
  answered({ name: "403 with HTML", ...refused }, html(403)),
  answered({ name: "403, empty", ...refused }, empty(403)),
  answered({ name: "404", ...refused }, html(404)),
  answered({ name: "405", ...refused }, html(405, { allow: "GET" })),
  answered({ name: "408", ...unavailable }, empty(408)),
  answered({ name: "413", ...refused }, html(413)),

  answered({ name: "429 without `Retry-After`", ...unavailable }, html(429)),
  answeredOnce(
    {
      name: "429 once, `Retry-After` in seconds, within the deadline",
      ...grantedLater,
      check: expectPause(5 * second),
    },
    later(429, "5"),
  ),
  answeredOnce(
    {
      name: "429 once, `Retry-After` as a date, within the deadline",
      ...grantedLater,
      check: expectPause(5 * second),
    },
    retryAt(5 * second, 429),
  ),
  answered(
    { name: "429, `Retry-After` in seconds, beyond the deadline", ...heldBack, recovery: 90 * second },
    later(429, "90"),
  ),
  answered({ name: "429, negative `Retry-After`", ...unavailable }, later(429, "-5")),
  answered(
    { name: "429, `Retry-After` of ten years (limited to a day)", ...heldBack, recovery: day },
    later(429, "315360000"),
  ),
  answered(
    { name: "429, `Retry-After` that is neither a number nor a date", ...unavailable },
    later(429, "soon"),
  ),

  answered({ name: "500", ...unavailable }, html(500)),
  answered({ name: "501", ...unavailable }, empty(501)),
  answered({ name: "502 with HTML", ...unavailable }, html(502)),
  answered({ name: "503 without `Retry-After`", ...unavailable }, html(503)),
  answeredOnce(
    {
      name: "503 once, `Retry-After` in seconds, within the deadline",
      ...grantedLater,
      check: expectPause(7 * second),
    },
    later(503, "7"),
  ),
  answeredOnce(
    {
      name: "503 once, `Retry-After` as a date, within the deadline",
      ...grantedLater,
      check: expectPause(7 * second),
    },
    retryAt(7 * second, 503),
  ),
  answered(
    { name: "503, `Retry-After` in seconds, beyond the deadline", ...heldBack, recovery: 90 * second },
    later(503, "90"),
  ),
  answered(
    { name: "503, `Retry-After` as a date in the past", ...unavailable },
    later(503, "Sun, 06 Nov 1994 08:49:37 GMT"),
  ),
  answered(
    { name: "503, `Retry-After` as a date in the year 9999 (limited to a day)", ...heldBack, recovery: day },
    later(503, "Fri, 31 Dec 9999 23:59:59 GMT"),
  ),
  answered({ name: "503, negative `Retry-After`", ...unavailable }, later(503, "-1")),
  answered({ name: "503, `Retry-After` of zero", ...unavailable }, later(503, "0")),
  answered(
    { name: "503, `Retry-After` with 400 digits", ...heldBack, recovery: day },
    later(503, "9".repeat(400)),
  ),
  answered(
    { name: "503, `Retry-After` that is neither a number nor a date", ...unavailable },
    later(503, "tomorrow"),
  ),
  answered({ name: "504", ...unavailable }, html(504)),
  answered({ name: "a status that does not exist (799)", ...unavailable }, html(799)),

  answered({ name: "200, empty", ...garbled }, empty(200, { "content-type": "application/json" })),
  answered({ name: "204", ...garbled }, empty(204)),
  answered({ name: "200 with HTML", ...garbled }, html(200)),
  answered(
    { name: "200 with truncated JSON", ...garbled },
    body((world) => grantedToken(world).slice(0, -9)),
  ),
  answered(
    { name: "200 with a correct token response as text/plain", ...unusable },
    body(grantedToken, { "content-type": "text/plain" }),
  ),
  answered(
    { name: "200 with a correct token response without a content type", ...unusable },
    body(grantedToken, {}),
  ),
  answered(
    { name: "200 with a JSON list", ...unusable },
    body((world) => `[${grantedToken(world)}]`),
  ),
  answered(
    { name: "200 with JSON `null`", ...unusable },
    body(() => "null"),
  ),
  answered(
    { name: "200 with JSON that is nested 100,000 levels deep", ...unusable },
    body(({ canary }) => `{"${canary}":${"[".repeat(100_000)}${"]".repeat(100_000)}}`),
  ),
  answered(
    { name: "200 with 10 MB", ...unusable, check: readsNoMoreThan(2 * 1_048_576) },
    body(({ canary }) => JSON.stringify({ access_token: canary.repeat(10_000_000 / canary.length) })),
  ),
  answered(
    { name: "200 with a gzip bomb of one gigabyte", ...unusable, check: readsNoMoreThan(2 * 1_048_576) },
    body(() => bomb, { "content-type": "application/json", "content-encoding": "gzip" }),
  ),
  answered(
    { name: "200 with `Content-Encoding: gzip` and a body that is not compressed", ...unavailable },
    body(grantedToken, { "content-type": "application/json", "content-encoding": "gzip" }),
  ),
  answered(
    { name: "200 with a byte order mark", ...granted },
    body((world) => `\uFEFF${grantedToken(world)}`),
  ),
  answered(
    { name: "200 with `access_token` twice", ...granted },
    body((world) => `{"access_token":"${world.canary}",${grantedToken(world).slice(1)}`),
  ),
  answered(
    { name: "200 with bytes that are not UTF-8", ...garbled },
    body((world) => Buffer.concat([Buffer.from(grantedToken(world)), Buffer.from([0xff, 0xfe, 0xc0])])),
  ),
  answered(
    // Node's fetch rejects an unexpected 100.
    { name: "an unexpected 100 Continue before the token response", ...unavailable },
    raw((world) => `HTTP/1.1 100 Continue\r\n\r\n${httpResponse(grantedToken(world))}`),
  ),
  answered(
    { name: "103 Early Hints before the token response", ...granted },
    raw((world) => `HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n${httpResponse(grantedToken(world))}`),
  ),
  answered(
    { name: "`Content-Length` larger than the body", ...unavailable },
    raw((world) => httpResponse(grantedToken(world), 1_000)),
  ),
  answered(
    { name: "`Content-Length` smaller than the body", ...garbled },
    raw((world) => httpResponse(grantedToken(world), 10)),
  ),
  answered(
    { name: "two different `Content-Length` headers", ...unavailable },
    raw((world) => httpResponse(grantedToken(world)).replace("\r\n", "\r\ncontent-length: 3\r\n")),
  ),
  answered(
    { name: "a chunk whose size is not a number", ...unavailable },
    raw(({ canary }) => `${chunkedHead}zz\r\n${canary}\r\n0\r\n\r\n`),
  ),
  answered(
    { name: "a chunked body that ends too early", ...unavailable },
    raw(({ canary }) => `${chunkedHead}ff\r\n${canary}`),
  ),
  answered(
    { name: "a header with bytes that are not allowed", ...unavailable },
    raw(({ canary }) => `HTTP/1.1 200 OK\r\nx-${canary}\0: \x01\x02\r\n\r\n`),
  ),
  answered(
    { name: "headers of 64 KiB", ...unavailable },
    raw(({ canary }) => `HTTP/1.1 200 OK\r\nx-long: ${canary.repeat(65_536 / canary.length)}\r\n\r\n`),
  ),
]);

const chunkedHead = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";

function httpResponse(text: string, length = Buffer.byteLength(text)): string {
  const headers = `content-type: application/json\r\ncontent-length: ${length}\r\nconnection: close`;
  return `HTTP/1.1 200 OK\r\n${headers}\r\n\r\n${text}`;
}

/** Checks that no more than this number of bytes was read of a response, after decompression. */
function readsNoMoreThan(bytes: number): (world: AuthorizationWorld) => void {
  return ({ exchanges }) => {
    expect(Math.max(...exchanges.map(({ bytesRead }) => bytesRead))).toBeLessThanOrEqual(bytes);
  };
}
