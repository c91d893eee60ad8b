import { createHash } from "node:crypto";
import type { CertificateHeader } from "../config/spec.js";
import type { Certificate } from "./certificate.js";
import type { JwtHeader } from "./signing-key.js";

/** The parameters of a JWT header that identify or contain the certificate of its key. */
export type CertificateParameters = Pick<JwtHeader, CertificateHeader>;

/** Returns the header parameters of the config's `certificateHeaders`, RFC 7515 §4.1.6 to §4.1.8. */
export function certificateParameters(
  { thumbprint, chain }: Pick<Certificate, "thumbprint" | "chain">,
  names: readonly CertificateHeader[] = ["x5t#S256"],
): CertificateParameters {
  const [leaf] = chain;
  return {
    ...(names.includes("x5t#S256") && { "x5t#S256": thumbprint }),
    // SHA-1 only identifies the certificate. The signature of the JWT does not depend on it.
    ...(names.includes("x5t") && leaf && { x5t: createHash("sha1").update(leaf).digest("base64url") }),
    // Base64, not base64url (§4.1.6).
    ...(names.includes("x5c") && { x5c: chain.map((der) => der.toString("base64")) }),
  };
}
