import { createHash, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { isProgrammingError } from "../errors/expected-errors.js";
import { readBlocks, writeBlock } from "../lib/pem-blocks.js";
import { unwrap } from "../lib/unwrap.js";
import { cutShort } from "./pem.js";
import { plainPublicKey } from "./rsa-pss.js";
import { KeyProblem, NotFound, PartsDiffer, PossiblyUnfinished } from "./signing-key.js";

/** The parts of an X.509 certificate that a client needs of its own certificate. */
export interface Certificate {
  readonly publicKey: KeyObject;
  /** Whether its extended key usage permits the authentication of TLS clients (RFC 5280 §4.2.1.12). */
  readonly isForClients: boolean;
  /** The certificate and its chain, without anything else in the text, which may hold the key too. */
  readonly pem: string;
  /** The certificate and its chain, each in DER. */
  readonly chain: readonly Buffer[];
  /** SHA-256 of its DER form, base64url: `x5t#S256` of RFC 7515 §4.1.8. */
  readonly thumbprint: string;
  /** Milliseconds since the epoch. */
  readonly beginsAt: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

const labels: ReadonlySet<string> = new Set(["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"]);

/**
 * Reads the first certificate in the content of a reference, PEM or DER, and its chain, which may follow it in PEM.
 * Throws `KeyProblem`; `NotFound` if there is none.
 */
export function readCertificate(content: string): Certificate {
  const [first, ...chain] = certificatesIn(content);
  if (first === undefined) throw new NotFound();
  return {
    publicKey: first.publicKey,
    isForClients: isForClients(first),
    // Written anew, because TLS does not accept long lines, or text between blocks.
    pem: [first, ...chain].map(String).join(""),
    chain: [first, ...chain].map(({ raw }) => raw),
    thumbprint: createHash("sha256").update(first.raw).digest("base64url"),
    beginsAt: Date.parse(first.validFrom),
    expiresAt: Date.parse(first.validTo),
  };
}

/** `id-kp-clientAuth` and `anyExtendedKeyUsage`. A certificate without the extension has no restriction. */
function isForClients({ keyUsage }: X509Certificate): boolean {
  return keyUsage === undefined || keyUsage.some((usage) => clientUsages.has(usage));
}

const clientUsages: ReadonlySet<string> = new Set(["1.3.6.1.5.5.7.3.2", "2.5.29.37.0"]);

function certificatesIn(content: string): readonly X509Certificate[] {
  const found = unwrap(content);
  if (found.kind === "bytes") {
    const certificate = decode(Buffer.from(found.bytes));
    return certificate === undefined ? [] : [certificate];
  }
  if (found.kind !== "pem") return [];
  const { blocks, isCut } = readBlocks(found.text);
  if (isCut) throw new PossiblyUnfinished(cutShort);
  // All of the chain are decoded, because TLS does not say which one is damaged.
  return blocks
    .filter(({ label }) => labels.has(label))
    .map((block, index) => {
      const certificate = decode(writeBlock(block));
      if (certificate !== undefined) return certificate;
      throw new PossiblyUnfinished(
        index === 0
          ? "it cannot be read as a certificate: it is damaged."
          : `it cannot be read: certificate ${index + 1}, which belongs to the chain, is damaged.`,
      );
    });
}

function decode(certificate: string | Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(certificate);
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    return undefined;
  }
}

/** Milliseconds that this machine's clock may be behind, so that a certificate that was just issued can be used. */
const clockTolerance = 300_000;

/** Throws `KeyProblem` if the certificate has expired: no server accepts it. */
export function assertNotExpired({ expiresAt }: Pick<Certificate, "expiresAt">, now: number): void {
  if (now < expiresAt) return;
  throw new KeyProblem(
    `it expired at ${new Date(expiresAt).toISOString()}. Replace it with the renewed one.`,
  );
}

/** Throws `KeyProblem` if the certificate is not valid yet: no server accepts it. */
export function assertNotTooEarly({ beginsAt }: Pick<Certificate, "beginsAt">, now: number): void {
  if (now >= beginsAt - clockTolerance) return;
  throw new KeyProblem(
    `it is not valid before ${new Date(beginsAt).toISOString()}. Use another one until then, or correct the clock of this ` +
      "machine.",
  );
}

/** Throws `PartsDiffer` if the certificate is not for the public half of this private key. */
export function assertCertifies(certificate: Certificate, privateKey: KeyObject): void {
  const own = plainPublicKey(createPublicKey(privateKey));
  const certified = plainPublicKey(certificate.publicKey);
  // Compares the types first. For keys of different types, OpenSSL queues an error that Node reports for the next key.
  if (own.asymmetricKeyType === certified.asymmetricKeyType && own.equals(certified)) return;
  throw new PartsDiffer(
    "it is the certificate of another key. In a chain, the certificate of the key must come first.",
  );
}
