import type { Secret } from "../lib/secret.js";

/** A client certificate with its key, ready for TLS. */
export interface TlsIdentity {
  /** PEM, with the chain. */
  readonly certificate: string;
  /** PEM. */
  readonly privateKey: Secret;
  readonly passphrase: Secret | undefined;
  /** SHA-256 of the certificate, base64url: `x5t#S256` of RFC 8705 §3.1. */
  readonly thumbprint: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}
