import { createHash, createPublicKey, type KeyObject, X509Certificate } from "node:crypto";
import { isProgrammingError } from "../lib/programming-error.js";
import { type PemBlock, readBlocks } from "./pem.js";
import { plainPublicKey } from "./plain-rsa.js";
import { KeyProblem, PartsDiffer, Unfinished } from "./signing-key.js";

/** An X.509 certificate as far as a client needs to know its own. */
export interface Certificate {
  readonly publicKey: KeyObject;
  /** It and its chain, and nothing else of the text that they were read from, which may hold the key as well. */
  readonly pem: string;
  /** SHA-256 of its DER form, base64url: `x5t#S256` of RFC 7515 §4.1.8. */
  readonly thumbprint: string;
  /** Milliseconds since the epoch. */
  readonly beginsAt: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

const labels: ReadonlySet<string> = new Set(["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"]);

/** The first certificate of a PEM text; its chain may follow it. Throws `KeyProblem`. */
export function readCertificate(text: string): Certificate {
  const blocks = readBlocks(text);
  const [first, ...chain] = blocks.filter(({ label }) => labels.has(label)).map(decode);
  if (first === undefined) throw new Unfinished(explainAbsence(blocks));
  return {
    publicKey: first.publicKey,
    // As it is written anew: TLS minds how long lines are and what stands between blocks.
    pem: [first, ...chain].map(String).join(""),
    thumbprint: createHash("sha256").update(first.raw).digest("base64url"),
    beginsAt: Date.parse(first.validFrom),
    expiresAt: Date.parse(first.validTo),
  };
}

/** The whole chain is read: TLS would refuse all of it for one that is damaged, without a word about which. */
function decode({ label, lines }: PemBlock, index: number): X509Certificate {
  const base64 = lines.join("").replaceAll(/.{64}(?=.)/g, "$&\n");
  try {
    return new X509Certificate(`-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`);
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    throw new Unfinished(
      index === 0
        ? "it cannot be read as a certificate: it is damaged."
        : `certificate ${index + 1} in it, of the chain, cannot be read: it is damaged.`,
    );
  }
}

function explainAbsence(blocks: readonly PemBlock[]): string {
  const found = (ending: string) => blocks.some(({ label }) => label.endsWith(ending));
  if (found("PRIVATE KEY")) {
    return "it holds a private key and no certificate. Name the certificate that belongs to the key.";
  }
  if (found("PUBLIC KEY")) return "it holds a public key. Name the certificate that was made for it.";
  if (found("CERTIFICATE REQUEST")) {
    return "it holds a certificate request. Name the certificate that the authority made of it.";
  }
  return 'it holds no certificate in PEM, which begins with "-----BEGIN CERTIFICATE-----".';
}

/** Milliseconds by which a clock may be late without keeping a certificate from being used that was just made. */
const lateness = 300_000;

/** Throws `KeyProblem`: no server takes a certificate that has ended. */
export function assertNotEnded({ expiresAt }: Pick<Certificate, "expiresAt">, now: number): void {
  if (now < expiresAt) return;
  throw new KeyProblem(`it ended at ${new Date(expiresAt).toISOString()}. Put the renewed one in its place.`);
}

/** Throws `KeyProblem`: nor does one take a certificate that has not begun. */
export function assertBegun({ beginsAt }: Pick<Certificate, "beginsAt">, now: number): void {
  if (now >= beginsAt - lateness) return;
  throw new KeyProblem(
    `it begins at ${new Date(beginsAt).toISOString()}. Use another until then, or set the clock of this machine right.`,
  );
}

/** Throws `PartsDiffer`: what is signed with another key, the certificate does not prove. */
export function assertBelongsTogether(certificate: Certificate, privateKey: KeyObject): void {
  const own = plainPublicKey(createPublicKey(privateKey));
  const certified = plainPublicKey(certificate.publicKey);
  // The types first: what OpenSSL notes down when they differ, Node reports as the failure of the next key it reads.
  if (own.asymmetricKeyType === certified.asymmetricKeyType && own.equals(certified)) return;
  throw new PartsDiffer(
    "it is the certificate of another key. Where a chain is in it, the certificate of the key must be the first.",
  );
}
