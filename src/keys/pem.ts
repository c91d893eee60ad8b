import { createPrivateKey, type KeyObject, type PrivateKeyInput } from "node:crypto";
import { isProgrammingError } from "../lib/programming-error.js";
import type { Secret } from "../lib/secret.js";
import { KeyProblem, PartsDiffer, Unfinished } from "./signing-key.js";

/** One `-----BEGIN …-----` block, RFC 7468, or RFC 1421 where it has headers. */
export interface PemBlock {
  readonly label: string;
  readonly lines: readonly string[];
}

/** The labels that hold a private key, and the structure inside. */
const privateKeyTypes: ReadonlyMap<string, "pkcs8" | "pkcs1" | "sec1"> = new Map([
  ["PRIVATE KEY", "pkcs8"],
  ["ENCRYPTED PRIVATE KEY", "pkcs8"],
  ["RSA PRIVATE KEY", "pkcs1"],
  ["EC PRIVATE KEY", "sec1"],
]);

/** What people put where a private key belongs. */
const mistaken: ReadonlyMap<string, string> = new Map([
  ["CERTIFICATE", "it holds a certificate. Name the private key that belongs to it."],
  ["X509 CERTIFICATE", "it holds a certificate. Name the private key that belongs to it."],
  ["TRUSTED CERTIFICATE", "it holds a certificate. Name the private key that belongs to it."],
  ["CERTIFICATE REQUEST", "it holds a certificate request. Name the private key that belongs to it."],
  ["PUBLIC KEY", "it holds a public key. Name the private key that belongs to it."],
  ["RSA PUBLIC KEY", "it holds a public key. Name the private key that belongs to it."],
  [
    "OPENSSH PRIVATE KEY",
    "it is in OpenSSH's own format. Convert a copy of it with `ssh-keygen -p -m PKCS8 -f FILE`.",
  ],
  ["DSA PRIVATE KEY", "it is a DSA key, which cannot sign JWTs. Use RSA, EC or Ed25519."],
]);

/** Whether a text looks like PEM, however broken. */
export function looksLikePem(text: string): boolean {
  return text.includes("-----BEGIN ");
}

/**
 * The private key in a PEM text: PKCS#8, PKCS#1 or SEC1, encrypted or not; other blocks beside it (a certificate,
 * EC parameters) are passed over. Throws `KeyProblem`.
 */
export function readPem(text: string, passphrase: Secret | undefined): KeyObject {
  const blocks = readBlocks(text);
  const keys = blocks.filter(({ label }) => privateKeyTypes.has(label));
  const [key, another] = keys;
  if (key === undefined) throw new Unfinished(explainAbsence(blocks));
  if (another !== undefined) {
    throw new KeyProblem("it holds several private keys. Put the one to sign with into a file of its own.");
  }
  const encrypted =
    key.label === "ENCRYPTED PRIVATE KEY" || key.lines.some((line) => legacyEncryption.test(line));
  if (encrypted && passphrase === undefined) {
    throw new KeyProblem('it is encrypted. Add the key\'s "passphrase" to the config, as a reference.');
  }
  try {
    return createPrivateKey(keyInput(key, encrypted ? passphrase : undefined));
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    // OpenSSL's own error is dropped: for a wrong passphrase it depends on chance which of many it is.
    if (encrypted) {
      throw new PartsDiffer(
        "it cannot be decrypted: the passphrase is wrong, or it is encrypted in a way that OpenSSL no longer supports.",
      );
    }
    throw new Unfinished(`its ${key.label} block is damaged, or of a kind that OpenSSL does not know.`);
  }
}

const legacyEncryption = /^Proc-Type:\s*4,\s*ENCRYPTED\s*$/;
const header = /^[A-Za-z0-9-]+:/;

function keyInput(block: PemBlock, passphrase: Secret | undefined): PrivateKeyInput {
  const secret = passphrase === undefined ? {} : { passphrase: passphrase.reveal() };
  if (block.lines.some((line) => legacyEncryption.test(line))) {
    // Only the PEM reader knows the headers that say how it is encrypted.
    const key = [`-----BEGIN ${block.label}-----`, ...block.lines, `-----END ${block.label}-----`, ""].join(
      "\n",
    );
    return { key, format: "pem", ...secret };
  }
  // As DER, because the PEM reader minds how long lines are and what stands between blocks.
  const key = Buffer.from(block.lines.filter((line) => !header.test(line)).join(""), "base64");
  // The label is one of the map's: the block was chosen by it.
  return { key, format: "der", type: privateKeyTypes.get(block.label) ?? "pkcs8", ...secret };
}

const begin = /^-----BEGIN ([A-Z0-9 ]{1,40})-----$/;

/** Every block of a PEM text, in its order. Throws `KeyProblem` for one without an end. */
export function readBlocks(text: string): readonly PemBlock[] {
  // Environment variables and .env files often carry a key on one line, its line breaks written as \n.
  const unfolded = text.includes("\n") ? text : text.replaceAll("\\r", "").replaceAll("\\n", "\n");
  const blocks: PemBlock[] = [];
  let open: { label: string; lines: string[] } | undefined;
  for (const raw of unfolded.split(/\r\n|\n|\r/)) {
    const line = raw.trim();
    if (open === undefined) {
      const label = begin.exec(line)?.[1];
      if (label !== undefined) open = { label, lines: [] };
    } else if (line === `-----END ${open.label}-----`) {
      blocks.push(open);
      open = undefined;
    } else {
      open.lines.push(line);
    }
  }
  if (open !== undefined)
    throw new Unfinished("a PEM block in it has no END line: it seems to be cut short.");
  return blocks;
}

function explainAbsence(blocks: readonly PemBlock[]): string {
  for (const { label } of blocks) {
    const explanation = mistaken.get(label);
    if (explanation !== undefined) return explanation;
  }
  return "it has no PEM block with a private key: PRIVATE KEY, ENCRYPTED PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY.";
}
