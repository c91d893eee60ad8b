import type { SecureVersion } from "node:tls";

/** Returns TLS 1.2, or TLS 1.3 if the process requires it. Call it each time, because the process may change that. */
export function minTlsVersion(): SecureVersion {
  return process.getBuiltinModule("node:tls").DEFAULT_MIN_VERSION === "TLSv1.3" ? "TLSv1.3" : "TLSv1.2";
}

// The names of OpenSSL's verification results, and Node's own codes for failures in a handshake.
const tlsErrorCode = new RegExp(
  "^(?:CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|UNABLE_TO_|SELF_SIGNED_CERT|DEPTH_ZERO_SELF_SIGNED_CERT|CRL_|INVALID_CA|" +
    "INVALID_PURPOSE|PATH_LENGTH_EXCEEDED|HOSTNAME_MISMATCH|ERROR_IN_C)",
);

/** Returns whether the code of an error means that a TLS connection failed, mostly because of a certificate. */
export function isTlsErrorCode(code: string): boolean {
  return tlsErrorCode.test(code);
}
