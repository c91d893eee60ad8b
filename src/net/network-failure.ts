import type { Failure } from "./failure.js";

// OpenSSL's verification results by name, and Node's own codes for everything that goes wrong in a handshake.
const tlsCode = new RegExp(
  "^(?:CERT_|ERR_TLS_|ERR_SSL_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|CRL_|INVALID_CA|" +
    "INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERROR_IN_C|EPROTO$)",
);

/**
 * Tells what a rejected `fetch` means: `tls_failed`, which asking again does not mend, or `unavailable`, which it
 * may. Only the code of the error is shown: its text can hold anything.
 */
export function networkFailure(error: unknown, target: string): Failure {
  const codes = errorCodes(error);
  const tls = codes.find((code) => tlsCode.test(code));
  if (tls !== undefined) {
    const detail =
      `no trusted TLS connection to ${target} (${tls}). ` +
      "Check its certificate; an authority of your own can be trusted with NODE_EXTRA_CA_CERTS.";
    return { code: "tls_failed", detail };
  }
  const detail = `${target} could not be reached (${codes[0] ?? "network error"}). Check its address and the network.`;
  return { code: "unavailable", detail, retryable: true };
}

/** Codes of an error and of what is under it: `fetch` puts the reason in `cause`, several addresses in `errors`. */
function errorCodes(error: unknown, depth = 0): readonly string[] {
  if (depth > 4 || typeof error !== "object" || error === null) return [];
  const codes: string[] = [];
  if ("code" in error && typeof error.code === "string" && /^[A-Z][A-Z0-9_]{1,63}$/.test(error.code)) {
    codes.push(error.code);
  }
  if ("cause" in error) codes.push(...errorCodes(error.cause, depth + 1));
  if ("errors" in error && Array.isArray(error.errors)) {
    for (const inner of error.errors.slice(0, 8)) codes.push(...errorCodes(inner, depth + 1));
  }
  return codes;
}
