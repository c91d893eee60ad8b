import type { Secret } from "../lib/secret.js";

/** A client certificate with its key, ready for TLS. */
export interface TlsIdentity {
  /** Certificate with its chain, in PEM. */
  readonly certificate: string;
  /** In PEM. */
  readonly privateKey: Secret;
  readonly passphrase: Secret | undefined;
  /** SHA-256 of the certificate, base64url: `x5t#S256` of RFC 8705 §3.1. */
  readonly thumbprint: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  /** Whether its extended key usage permits the authentication of TLS clients. Default: true. */
  readonly isForClients?: boolean;
}
