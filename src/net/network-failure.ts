import { McpAuthError } from "../errors/error.js";
import type { Failure } from "./failure.js";

// OpenSSL's verification results by name, and Node's own codes for everything that goes wrong in a handshake.
const tlsCode = new RegExp(
  "^(?:CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|CRL_|INVALID_CA|" +
    "INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERROR_IN_C|EPROTO$)",
);

/** Failures before there is a connection. */
const unconnected: ReadonlySet<string> = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "UND_ERR_CONNECT_TIMEOUT"],
]);

/** What to do, by the code: the first that matches. */
const remedies: readonly (readonly [RegExp, string])[] = [
  // Alerts (RFC 8446 §6.2) come from the server. Up to TLS 1.2 one of them stands for a certificate that is missing.
  [
    /ALERT_CERTIFICATE_REQUIRED/,
    'The server demands a client certificate. Give the client a "certificate" in the config, if it is registered with one.',
  ],
  [
    /ALERT_(?:UNKNOWN_CA|BAD_CERTIFICATE|CERTIFICATE_|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED|DECRYPT_ERROR)/,
    "The server refuses the client certificate. Check with whoever runs it which authority it trusts, and that the " +
      "certificate is not expired or revoked and comes with its chain.",
  ],
  [
    /ALERT_HANDSHAKE_FAILURE/,
    "The server ended the handshake: it may demand a client certificate, or have no TLS version or cipher in common.",
  ],
  [
    /(?:WRONG_VERSION|UNSUPPORTED_PROTOCOL|PROTOCOL_VERSION|PACKET_LENGTH)/,
    "It does not speak TLS 1.2 or later there. Check the scheme and the port of the URL.",
  ],
  [
    /^(?:CERT_HAS_EXPIRED|CERT_NOT_YET_VALID)$/,
    "Its certificate is not valid today. Have it renewed, and check this machine's clock.",
  ],
  [/ALTNAME_INVALID|HOSTNAME_MISMATCH/, "Its certificate is for another name. Use the name that it is for."],
];

const otherwise =
  'Check its certificate; an authority of your own can be trusted with "ca" under "network" in the config (network.ca), ' +
  "or with NODE_EXTRA_CA_CERTS.";

/**
 * Tells what a rejected `fetch` means: `tls_failed`, which asking again does not mend, or `unavailable`, which it
 * may. Only the code of the error is shown: its text can hold anything. What `Network` rejects with is kept.
 */
export function networkFailure(error: unknown, target: string): Failure {
  if (error instanceof McpAuthError) {
    const { code, message, retryable } = error;
    return { code, detail: message.charAt(0).toLowerCase() + message.slice(1), retryable };
  }
  const codes = errorCodes(error);
  const tls = codes.find((code) => tlsCode.test(code));
  if (tls !== undefined) {
    const remedy = remedies.find(([pattern]) => pattern.test(tls))?.[1] ?? otherwise;
    const detail = `no trusted TLS connection to ${target} (${tls}). ${remedy}`;
    return {
      code: "tls_failed",
      detail,
      brief: `allows no trusted TLS connection (${tls})`,
      neverArrived: true,
    };
  }
  const brief = `could not be reached (${codes[0] ?? "network error"})`;
  const detail = `${target} ${brief}. Check its address and the network.`;
  const isConnected = codes.length === 0 || codes.some((code) => !unconnected.has(code));
  return { code: "unavailable", detail, brief, retryable: true, neverArrived: !isConnected };
}

/**
 * Codes of an error and of what is under it: `fetch` puts the reason in `cause`, several addresses in `errors`. Those
 * made of OpenSSL's words may have a slash, as in `SSL/TLS_ALERT`.
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
