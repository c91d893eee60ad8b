import type { SecureVersion } from "node:tls";

/** Returns TLS 1.2, or TLS 1.3 if the process requires it. Call it each time, because the process may change that. */
export function minTlsVersion(): SecureVersion {
  return process.getBuiltinModule("node:tls").DEFAULT_MIN_VERSION === "TLSv1.3" ? "TLSv1.3" : "TLSv1.2";
}
