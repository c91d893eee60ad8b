import { McpAuthError } from "../errors/error.js";
import { isTlsErrorCode } from "../lib/tls.js";
import type { Failure } from "./failure.js";

/** Codes of failures to connect: the server has received nothing. */
const connectFailures: ReadonlySet<string> = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"],
]);

/** What to do about a TLS failure, by its code. The first match counts. */
const remedies: readonly (readonly [RegExp, string])[] = [
  // The server sends alerts (RFC 8446 §6.2). Up to TLS 1.2, handshake_failure can also mean a missing client
  // certificate.
  [
    /ALERT_CERTIFICATE_REQUIRED/,
    'The server demands a client certificate. Give the client a "certificate" in the config, if it is registered with one.',
  ],
  [
    /ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)/,
    "The server rejected the client certificate. Check that the certificate is not expired or revoked and comes with its " +
      "chain, and ask the operator of the server which authority it trusts.",
  ],
  [
    /ALERT_HANDSHAKE_FAILURE/,
    "The server ended the handshake. It may demand a client certificate, or support no common TLS version or cipher.",
  ],
  [
    /(?:WRONG_VERSION|UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|PACKET_LENGTH)/,
    "The server does not support TLS 1.2 or later on this port. Check the scheme and the port of the URL.",
  ],
  [
    /^(?:CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/,
    "The server's certificate is expired or not valid yet. Have it renewed, and check the clock of this machine.",
  ],
  [
    /ALTNAME_INVALID|HOSTNAME_MISMATCH/,
    "The server's certificate is for another name. Use a name in the certificate.",
  ],
];

const otherRemedy =
  'Check its certificate. To trust an authority of your own, name it in "ca" under "network" in the config (network.ca), or ' +
  "in NODE_EXTRA_CA_CERTS.";

/**
 * Returns the failure for a rejected `fetch`: `tls_failed`, which is permanent, or `unavailable`, which is retryable.
 * Only the code of the error is shown, because its text may contain anything. Our own errors, such as those of
 * `Network`, keep their code and message.
 */
export function networkFailure(error: unknown, target: string): Failure {
  if (error instanceof McpAuthError) {
    const { code, message, retryable } = error;
    return { code, detail: message.charAt(0).toLowerCase() + message.slice(1), retryable };
  }
  const codes = errorCodes(error);
  const tls = codes.find((code) => isTlsErrorCode(code) || code === "EPROTO");
  if (tls !== undefined) {
    const remedy = remedies.find(([pattern]) => pattern.test(tls))?.[1] ?? otherRemedy;
    const detail = `could not open a trusted TLS connection to ${target} (${tls}). ${remedy}`;
    return {
      code: "tls_failed",
      detail,
      brief: `could not be reached over trusted TLS (${tls})`,
      neverArrived: true,
    };
  }
  const brief = `could not be reached (${codes[0] ?? "network error"})`;
  const detail = `${target} ${brief}. Check its address and the network.`;
  const neverArrived = codes.length > 0 && codes.every((code) => connectFailures.has(code));
  return { code: "unavailable", detail, brief, systemCode: codes[0], retryable: true, neverArrived };
}

/**
 * Returns the codes of an error and of its causes. `fetch` puts the reason into `cause`, and the errors of several
 * addresses into `errors`. Codes from OpenSSL may have a slash, as in `SSL/TLS_ALERT`.
 */
function errorCodes(error: unknown, depth = 0): readonly string[] {
  if (depth > 4 || typeof error !== "object" || error === null) return [];
  const codes: string[] = [];
  if ("code" in error && typeof error.code === "string" && /^[A-Z][A-Z0-9_/]{1,63}$/.test(error.code)) {
    codes.push(error.code);
  }
  if ("cause" in error) codes.push(...errorCodes(error.cause, depth + 1));
  if ("errors" in error && Array.isArray(error.errors)) {
    for (const inner of error.errors.slice(0, 8)) codes.push(...errorCodes(inner, depth + 1));
  }
  return codes;
}
