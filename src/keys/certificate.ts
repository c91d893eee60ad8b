import { createHash, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { KeyProblem } from "./signing-key.js";

/** An X.509 certificate as far as a client needs to know its own. */
export interface Certificate {
  readonly publicKey: KeyObject;
  /** SHA-256 of its DER form, base64url: `x5t#S256` of RFC 7515 §4.1.8. */
  readonly thumbprint: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** The first certificate of a PEM text; the chain may follow it. Throws `KeyProblem`. */
export function readCertificate(text: string): Certificate {
  if (!/-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----/.test(text)) {
    const isKey = /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text);
    throw new KeyProblem(
      isKey
        ? "it holds a private key and no certificate. Name the certificate that belongs to the key."
        : 'it holds no certificate in PEM, which begins with "-----BEGIN CERTIFICATE-----".',
    );
  }
  let x509: X509Certificate;
  try {
    x509 = new X509Certificate(text);
  } catch {
    throw new KeyProblem("it cannot be read as a certificate: it is damaged.");
  }
  return {
    publicKey: x509.publicKey,
    thumbprint: createHash("sha256").update(x509.raw).digest("base64url"),
    expiresAt: Date.parse(x509.validTo),
  };
}

/**
 * Throws `KeyProblem`: no server takes a certificate that has ended. Whether it has begun is left to the server, as a
 * clock that is a little late must not keep a new one from being used.
 */
export function assertNotEnded({ expiresAt }: Certificate, now: number): void {
  if (now < expiresAt || Number.isNaN(expiresAt)) return;
  throw new KeyProblem(`it ended at ${new Date(expiresAt).toISOString()}. Put the renewed one in its place.`);
}

/** Throws `KeyProblem`: what is signed with another key, the certificate does not prove. */
export function assertBelongsTogether(certificate: Certificate, privateKey: KeyObject): void {
  if (!createPublicKey(privateKey).equals(certificate.publicKey)) {
    throw new KeyProblem("it is the certificate of another key.");
  }
}
