import type { KeyObject } from "node:crypto";
import { type PemBlock, readBlocks, writeBlock } from "../lib/pem-blocks.js";
import type { Secret } from "../lib/secret.js";
import { importDer, importKey, type PrivateKeyFormat, privateKeyFormat } from "./der-key.js";
import { readOpenSsh } from "./openssh.js";
import { KeyProblem, NotFound, PossiblyUnfinished } from "./signing-key.js";

/** The labels of private keys, with the structure inside. */
const privateKeyTypes: ReadonlyMap<string, PrivateKeyFormat> = new Map([
  ["PRIVATE KEY", "pkcs8"],
  ["ENCRYPTED PRIVATE KEY", "encrypted pkcs8"],
  ["RSA PRIVATE KEY", "pkcs1"],
  ["EC PRIVATE KEY", "sec1"],
]);

const openSsh = "OPENSSH PRIVATE KEY";

/**
 * Reads the private key in a PEM text: PKCS#8, PKCS#1 or SEC1, encrypted or not, or an unencrypted one of OpenSSH.
 * Ignores other blocks, such as a certificate or EC parameters. Throws `KeyProblem`.
 */
export function readPem(text: string, passphrase: Secret | undefined): KeyObject {
  const { blocks, isCut } = readBlocks(text);
  if (isCut) throw new PossiblyUnfinished(cutShort);
  const [key, another] = blocks.filter(({ label }) => privateKeyTypes.has(label) || label === openSsh);
  if (key === undefined) throw new NotFound();
  if (another !== undefined) {
    throw new KeyProblem("it holds several private keys. Put the one to sign with into a separate file.");
  }
  return importBlock(key, passphrase);
}

/** What is wrong with PEM that has a BEGIN line without its END line. */
export const cutShort = "a PEM block in it has no END line: its end seems to be missing.";

function importBlock(block: PemBlock, passphrase: Secret | undefined): KeyObject {
  if (block.label === openSsh) {
    const key = readOpenSsh(Buffer.from(block.base64, "base64"));
    if (key === undefined) throw new NotFound();
    return key;
  }
  const damaged = `its ${block.label} block is damaged, or OpenSSL does not support its type.`;
  if (block.base64 === "") throw new PossiblyUnfinished(damaged);
  if (block.encryption !== undefined) {
    // Only OpenSSL's PEM reader decrypts such a block.
    return importKey({ key: writeBlock(block), format: "pem" }, { isEncrypted: true, passphrase, damaged });
  }
  const der = Buffer.from(block.base64, "base64");
  // As DER, because OpenSSL's PEM reader believes the label, which some programs get wrong.
  const format = privateKeyFormat(der) ?? privateKeyTypes.get(block.label) ?? "pkcs8";
  return importDer(der, format, { passphrase, damaged });
}
