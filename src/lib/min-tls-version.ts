import type { SecureVersion } from "node:tls";

/** TLS 1.2, unless the process asks for a higher one, which it may do at any time. */
export function minTlsVersion(): SecureVersion {
  return process.getBuiltinModule("node:tls").DEFAULT_MIN_VERSION === "TLSv1.3" ? "TLSv1.3" : "TLSv1.2";
}
