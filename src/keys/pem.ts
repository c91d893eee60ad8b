import { createPrivateKey, type KeyObject, type PrivateKeyInput } from "node:crypto";
import { isProgrammingError } from "../errors/expected-errors.js";
import type { Secret } from "../lib/secret.js";
import { KeyProblem, PartsDiffer, PossiblyUnfinished } from "./signing-key.js";

/** One `-----BEGIN …-----` block of RFC 7468, or of RFC 1421 if it has headers. */
export interface PemBlock {
  readonly label: string;
  readonly lines: readonly string[];
}

/** The labels of private keys, with the structure inside. */
const privateKeyTypes: ReadonlyMap<string, "pkcs8" | "pkcs1" | "sec1"> = new Map([
  ["PRIVATE KEY", "pkcs8"],
  ["ENCRYPTED PRIVATE KEY", "pkcs8"],
  ["RSA PRIVATE KEY", "pkcs1"],
  ["EC PRIVATE KEY", "sec1"],
]);

/** Explanations for other blocks that people use instead of a private key, by label. */
const wrongBlocks: ReadonlyMap<string, string> = new Map([
  ["CERTIFICATE", "it holds a certificate. Name the private key that belongs to it."],
  ["X509 CERTIFICATE", "it holds a certificate. Name the private key that belongs to it."],
  ["TRUSTED CERTIFICATE", "it holds a certificate. Name the private key that belongs to it."],
  ["CERTIFICATE REQUEST", "it holds a certificate request. Name the private key that belongs to it."],
  ["PUBLIC KEY", "it holds a public key. Name the private key that belongs to it."],
  ["RSA PUBLIC KEY", "it holds a public key. Name the private key that belongs to it."],
  [
    "OPENSSH PRIVATE KEY",
    "it is in the format of OpenSSH. Convert a copy of it with `ssh-keygen -p -m PKCS8 -f FILE`.",
  ],
  ["DSA PRIVATE KEY", "it is a DSA key, which cannot sign JWTs. Use RSA, EC or Ed25519."],
]);

/** Returns whether a text is meant to be PEM, valid or not. */
export function looksLikePem(text: string): boolean {
  return text.includes("-----BEGIN ");
}

/**
 * Reads the private key in a PEM text: PKCS#8, PKCS#1 or SEC1, encrypted or not. Ignores other blocks, such as a
 * certificate or EC parameters. Throws `KeyProblem`.
 */
export function readPem(text: string, passphrase: Secret | undefined): KeyObject {
  const blocks = readBlocks(text);
  const keys = blocks.filter(({ label }) => privateKeyTypes.has(label));
  const [key, another] = keys;
  if (key === undefined) throw new PossiblyUnfinished(explainAbsence(blocks));
  if (another !== undefined) {
    throw new KeyProblem("it holds several private keys. Put the one to sign with into a separate file.");
  }
  const isEncrypted =
    key.label === "ENCRYPTED PRIVATE KEY" || key.lines.some((line) => legacyEncryption.test(line));
  if (isEncrypted && passphrase === undefined) {
    throw new KeyProblem('it is encrypted. Add the key\'s "passphrase" to the config, as a reference.');
  }
  try {
    return createPrivateKey(keyInput(key, isEncrypted ? passphrase : undefined));
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    // OpenSSL's error is dropped: for a wrong passphrase it is one of many, by chance.
    if (isEncrypted) {
      throw new PartsDiffer(
        "it cannot be decrypted: the passphrase is wrong, or it is encrypted in a way that OpenSSL no longer supports.",
      );
    }
    throw new PossiblyUnfinished(`its ${key.label} block is damaged, or OpenSSL does not support its type.`);
  }
}

const legacyEncryption = /^Proc-Type:\s*4,\s*ENCRYPTED\s*$/;
const header = /^[A-Za-z0-9-]+:/;

function keyInput(block: PemBlock, passphrase: Secret | undefined): PrivateKeyInput {
  const secret = passphrase === undefined ? {} : { passphrase: passphrase.reveal() };
  if (block.lines.some((line) => legacyEncryption.test(line))) {
    // Only OpenSSL's PEM reader understands the headers that say how the key is encrypted.
    const key = [`-----BEGIN ${block.label}-----`, ...block.lines, `-----END ${block.label}-----`, ""].join(
      "\n",
    );
    return { key, format: "pem", ...secret };
  }
  // As DER, because OpenSSL's PEM reader does not accept long lines, or text between blocks.
  const key = Buffer.from(block.lines.filter((line) => !header.test(line)).join(""), "base64");
  // The map has the label, because `readPem` chose the block by it.
  return { key, format: "der", type: privateKeyTypes.get(block.label) ?? "pkcs8", ...secret };
}

const begin = /^-----BEGIN ([A-Z0-9 ]{1,40})-----$/;

/** Returns all blocks of a PEM text, in order. Throws `KeyProblem` for a block without an END line. */
export function readBlocks(text: string): readonly PemBlock[] {
  // In environment variables and .env files, a key is often one line, with line breaks written as \n.
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
    throw new PossiblyUnfinished("a PEM block in it has no END line: its end seems to be missing.");
  return blocks;
}

function explainAbsence(blocks: readonly PemBlock[]): string {
  for (const { label } of blocks) {
    const explanation = wrongBlocks.get(label);
    if (explanation !== undefined) return explanation;
  }
  return "it has no PEM block with a private key: PRIVATE KEY, ENCRYPTED PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY.";
}
