import { createPublicKey, type PublicKeyInput, X509Certificate } from "node:crypto";
import type { SecretReference } from "../config/spec.js";
import { isProgrammingError } from "../errors/expected-errors.js";
import { type ContainerFormat, containerFormat } from "../lib/container-format.js";
import { isJsonObject, type JsonObject } from "../lib/json-object.js";
import { looksLikePem, readBlocks } from "../lib/pem-blocks.js";
import type { Secret } from "../lib/secret.js";
import { shellQuoted } from "../lib/shell-quoted.js";
import { unwrap } from "../lib/unwrap.js";
import { privateKeyFormat } from "./der-key.js";
import type { KeyKind } from "./signing-key.js";

/** What people use in place of a private key or certificate that can be read. */
type Format =
  | "private key"
  | "certificate"
  | "request"
  | "public key"
  | "dsa"
  | ContainerFormat
  | "putty"
  | "openssh"
  | "openssh ed25519"
  | "xml"
  | "pgp"
  | "path"
  | "cut json"
  | "unknown";

interface Found {
  readonly format: Format;
  readonly wasBase64?: boolean;
  readonly isPem?: boolean;
}

/**
 * Says what the content of a reference is, if it holds no private key or certificate that can be read, and how to
 * convert it. Shows nothing of the content. Loaded only for such content.
 */
export function describeContent(content: Secret, kind: KeyKind, reference: SecretReference): string {
  const unwrapped = unwrap(content.reveal());
  if (unwrapped.kind === "json") return describeJson(unwrapped.value, kind);
  const found = formatOf(unwrapped);
  const file =
    "file" in reference && reference.pointer === undefined && found.wasBase64 !== true
      ? shellQuoted(reference.file)
      : undefined;
  return kind === "certificate" ? inPlaceOfCertificate(found, file) : inPlaceOfKey(found, file);
}

function formatOf(content: Exclude<ReturnType<typeof unwrap>, { kind: "json" }>): Found {
  switch (content.kind) {
    case "pem":
      return { format: formatOfPem(content.text), isPem: true };
    case "bytes":
      return { format: formatOfBytes(content.bytes), wasBase64: content.wasBase64 };
    case "other":
      return { format: formatOfText(content.text) };
  }
}

const labels: ReadonlyMap<string, Format> = new Map([
  ["CERTIFICATE", "certificate"],
  ["X509 CERTIFICATE", "certificate"],
  ["TRUSTED CERTIFICATE", "certificate"],
  ["CERTIFICATE REQUEST", "request"],
  ["NEW CERTIFICATE REQUEST", "request"],
  ["PUBLIC KEY", "public key"],
  ["RSA PUBLIC KEY", "public key"],
  ["OPENSSH PRIVATE KEY", "openssh"],
  ["DSA PRIVATE KEY", "dsa"],
  ["PKCS7", "pkcs7"],
  ["CMS", "pkcs7"],
  ["PKCS12", "pkcs12"],
  ["PGP PRIVATE KEY BLOCK", "pgp"],
  ["PGP PUBLIC KEY BLOCK", "pgp"],
]);

function formatOfPem(text: string): Format {
  const found = readBlocks(text).blocks.map(({ label, base64 }): Format | undefined => {
    const format = labels.get(label);
    if (format === undefined) return label.endsWith("PRIVATE KEY") ? "private key" : undefined;
    const isEd25519 = format === "openssh" && Buffer.from(base64, "base64").includes("ssh-ed25519");
    return isEd25519 ? "openssh ed25519" : format;
  });
  // A key that belongs to a certificate says more than the certificate.
  if (found.includes("private key")) return "private key";
  return found.find((each) => each !== undefined) ?? "unknown";
}

function formatOfBytes(bytes: Uint8Array): Format {
  const container = containerFormat(bytes);
  if (container !== undefined) return container;
  if (privateKeyFormat(bytes) !== undefined) return "private key";
  const key = Buffer.from(bytes);
  if (succeeds(() => new X509Certificate(key))) return "certificate";
  for (const type of ["spki", "pkcs1"] as const) {
    const input: PublicKeyInput = { key, format: "der", type };
    if (succeeds(() => createPublicKey(input))) return "public key";
  }
  // RFC 2986 §4.1: a sequence that begins with a sequence, which begins with the version 0.
  return /^30(?:[0-7].|8[12](?:..){1,2}?)30(?:[0-7].|8[12](?:..){1,2}?)02010030/.test(
    key.subarray(0, 24).toString("hex"),
  )
    ? "request"
    : "unknown";
}

function succeeds(parse: () => unknown): boolean {
  try {
    parse();
    return true;
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    return false;
  }
}

function formatOfText(text: string): Format {
  if (text.startsWith("PuTTY-User-Key-File-")) return "putty";
  if (/^(?:ssh-(?:rsa|dss|ed25519)|ecdsa-sha2-\S{1,30}) [A-Za-z0-9+/]/.test(text)) return "public key";
  if (text.startsWith("---- BEGIN SSH2 PUBLIC KEY")) return "public key";
  if (text.includes("<RSAKeyValue>")) return "xml";
  if (text.startsWith("{")) return "cut json";
  return text.length < 500 && path.test(text) ? "path" : "unknown";
}

const path =
  /^(?:(?:[~.]{0,2}\/|[A-Za-z]:[\\/])[^\r\n]+|[^\s/]+\.(?:pem|key|crt|cer|p8|p12|pfx|jwk|json|der))$/;

const keyOf = "Name the private key that belongs to it.";

function inPlaceOfKey({ format, wasBase64, isPem }: Found, file: string | undefined): string {
  switch (format) {
    case "certificate":
      return `it holds a certificate. ${keyOf}`;
    case "request":
      return `it holds a certificate request. ${keyOf}`;
    case "public key":
      return `it holds a public key. ${keyOf}`;
    case "pkcs7":
      return "it is PKCS #7, which holds certificates. Name the private key that belongs to them.";
    case "dsa":
      return "it is a DSA key, which cannot sign JWTs. Use RSA, EC or Ed25519.";
    case "pgp":
      return "it is a key of OpenPGP, which cannot sign JWTs here. Use RSA, EC or Ed25519.";
    case "openssh":
      return `it is in the format of OpenSSH, and encrypted or damaged. Convert a copy: \`cp ${file ?? "key"} key.pem && ssh-keygen -p -m PKCS8 -f key.pem\`.`;
    case "openssh ed25519":
      // For Ed25519, older versions of `ssh-keygen` ignore `-m PKCS8`.
      return `it is in the format of OpenSSH, and encrypted or damaged. Remove the passphrase of a copy: \`cp ${file ?? "key"} key.pem && ssh-keygen -p -N "" -f key.pem\`.`;
    case "putty":
      return `it is in the format of PuTTY. ${convert(`puttygen ${file ?? "key.ppk"} -O private-openssh -o key.pem`)}`;
    case "xml":
      return "it is an RSA key in XML, as .NET writes it. Export it with `ExportPkcs8PrivateKeyPem()` instead.";
    case "pkcs12":
      return pkcs12("-nocerts -nodes -out key.pem", file, wasBase64);
    case "jks":
      return jks("-nocerts -nodes -out key.pem", file);
    case "private key":
      return "its private key is damaged, or of a type that is not supported.";
    default:
      return whatever(
        format,
        isPem === true
          ? pemWithoutKey
          : "it is not a key in PEM, DER or JWK. Check that it is the whole key.",
      );
  }
}

const pemWithoutKey =
  "it has no PEM block with a private key: PRIVATE KEY, ENCRYPTED PRIVATE KEY, RSA PRIVATE KEY or EC PRIVATE KEY.";

function inPlaceOfCertificate({ format, wasBase64, isPem }: Found, file: string | undefined): string {
  switch (format) {
    case "private key":
    case "openssh":
    case "openssh ed25519":
    case "putty":
    case "xml":
    case "dsa":
      return "it holds a private key and no certificate. Name the certificate that belongs to the key.";
    case "public key":
      return "it holds a public key. Name the certificate that was made for it.";
    case "request":
      return "it holds a certificate request. Name the certificate that the authority issued for it.";
    case "pkcs7": {
      const form = isPem === true ? "" : "-inform DER ";
      return `it is PKCS #7. ${convert(`openssl pkcs7 ${form}-in ${file ?? "cert.p7b"} -print_certs -out cert.pem`)}`;
    }
    case "pkcs12":
      return pkcs12("-clcerts -nokeys -out cert.pem", file, wasBase64);
    case "jks":
      return jks("-clcerts -nokeys -out cert.pem", file);
    case "certificate":
      return "it cannot be read as a certificate: it is damaged.";
    default:
      return whatever(
        format,
        'it holds no certificate in PEM, which begins with "-----BEGIN CERTIFICATE-----", or DER.',
      );
  }
}

function whatever(format: Format, otherwise: string): string {
  if (format === "cut json") return "it is JSON that is damaged or cut short.";
  if (format === "path")
    return 'it looks like the path of a file. Write the reference { "file": "path" } for it.';
  return otherwise;
}

function convert(command: string): string {
  return `Convert it with \`${command}\`.`;
}

function pkcs12(options: string, file: string | undefined, wasBase64 = false): string {
  const command = convert(`openssl pkcs12 -in ${file ?? "key.pfx"} ${options}`);
  return wasBase64
    ? `it is PKCS #12 (PFX) in base64. Decode it into key.pfx. ${command}`
    : `it is PKCS #12 (PFX). ${command}`;
}

function jks(options: string, file: string | undefined): string {
  const store = file ?? "keystore.jks";
  const toPkcs12 = `keytool -importkeystore -srckeystore ${store} -destkeystore key.pfx -deststoretype PKCS12`;
  return `it is a Java keystore. Convert it with \`${toPkcs12}\`, then with \`openssl pkcs12 -in key.pfx ${options}\`.`;
}

/** Names in JSON documents of services. A name in the content is shown only if it is one of these. */
const members: Readonly<Record<KeyKind, readonly string[]>> = {
  "private key": ["private_key", "privateKey", "key", "jwk"],
  certificate: ["certificate", "cert", "public_cert"],
};

function describeJson(json: JsonObject, kind: KeyKind): string {
  const name = members[kind].find((each) => {
    const value = json[each];
    return typeof value === "string" ? looksLikePem(value) : isJsonObject(value) && "kty" in value;
  });
  if (name !== undefined) {
    return `it is JSON with the ${kind} inside. Add "pointer": "/${name}" to its reference.`;
  }
  return kind === "certificate"
    ? 'it holds no certificate in PEM, which begins with "-----BEGIN CERTIFICATE-----", or DER.'
    : 'it is JSON, but neither a JWK nor a JWK Set. If the key is in it, add a "pointer" to its reference.';
}
