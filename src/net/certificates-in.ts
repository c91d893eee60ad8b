import { X509Certificate } from "node:crypto";
import { errorCode } from "../errors/expected-errors.js";
import { containerFormat } from "../lib/container-format.js";
import { decodeAnyText } from "../lib/decode-text.js";
import { isDerSequence } from "../lib/der.js";
import { readBlocks, writeBlock } from "../lib/pem-blocks.js";
import { shellQuoted } from "../lib/shell-quoted.js";
import { unwrap } from "../lib/unwrap.js";

/**
 * Returns the certificates in a file that has none in plain PEM, in PEM: one in DER, or some in UTF-16, with `\n` in
 * place of line breaks, or in base64. Damaged ones are left out.
 */
export function certificatesInOtherShapes(bytes: Buffer): readonly string[] {
  const content = isDerSequence(bytes)
    ? { kind: "bytes" as const, bytes }
    : unwrap(decodeAnyText(bytes) ?? "");
  if (content.kind === "bytes") return certificate(Buffer.from(content.bytes));
  if (content.kind !== "pem") return [];
  return readBlocks(content.text)
    .blocks.filter(({ label }) => label.endsWith("CERTIFICATE"))
    .flatMap((block) => certificate(writeBlock(block)));
}

function certificate(content: string | Buffer): readonly string[] {
  try {
    return [new X509Certificate(content).toString()];
  } catch (error) {
    // Errors of OpenSSL have a code.
    if (errorCode(error) === undefined) throw error;
    return [];
  }
}

/** Says what to do with a file that holds no certificate. */
export function remedyFor(bytes: Buffer, file: string): string {
  const path = shellQuoted(file);
  const text = bytes.toString("latin1");
  const toPem = `-in ${path} -out ${shellQuoted(`${file}.pem`)}`;
  switch (containerFormat(bytes)) {
    case "pkcs7":
      return `It is PKCS #7. Convert it with: openssl pkcs7 -inform der -print_certs ${toPem}`;
    case "pkcs12":
      return `It is PKCS #12 (PFX). Convert it with: openssl pkcs12 -nokeys ${toPem}`;
    case "jks":
      return `It is a Java keystore. Convert it with: keytool -list -rfc -keystore ${path} > ${shellQuoted(`${file}.pem`)}`;
    case undefined:
      break;
  }
  if (text.includes("-----BEGIN PKCS7-----")) {
    return `It is PKCS #7. Convert it with: openssl pkcs7 -print_certs ${toPem}`;
  }
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    return "It holds a private key. Name the certificate of the authority, which needs no key.";
  }
  return "Convert it, or name another file.";
}
