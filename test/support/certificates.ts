import { generateKeyPair, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";
import { promisify } from "node:util";

const day = 86_400_000;

type KeyType = "ec" | "rsa" | "rsa-pss" | "ed25519";

export interface CertificateOptions {
  /** The subject in the notation of RFC 4514, most specific part first, without escapes: `CN=agent, O=Acme, C=DE`. */
  readonly subject?: string;
  /** DNS names and IP addresses that the certificate is valid for. */
  readonly hosts?: readonly string[];
  /** Whether the certificate is for client authentication only. */
  readonly client?: boolean;
  /** Whether the certificate is for server authentication only. */
  readonly server?: boolean;
  /** Default: long ago, so that the certificate is valid for the clock of any test. */
  readonly notBefore?: Date;
  readonly notAfter?: Date;
  /** Default: P-256. */
  readonly keyType?: KeyType;
}

export interface IssuedCertificate {
  /** PEM. */
  readonly certificate: string;
  /** PEM, PKCS#8. */
  readonly privateKey: string;
}

export interface Authority {
  /** PEM. */
  readonly certificate: string;
  issue(options?: CertificateOptions): Promise<IssuedCertificate>;
}

interface Issuer {
  readonly subject: string;
  readonly key: KeyObject;
}

/** Creates a certificate authority for one test. */
export async function createAuthority(): Promise<Authority> {
  const { privateKey, publicKey } = await keyPair("ec");
  const issuer = { subject: `CN=Test authority ${randomBytes(4).toString("hex")}`, key: privateKey };
  const extensions = [
    extension("2.5.29.19", sequence(boolean(true)), true),
    // keyCertSign and cRLSign.
    extension("2.5.29.15", tagged(0x03, Buffer.from([1, 0x06])), true),
  ];
  return {
    certificate: certificate(
      issuer.subject,
      publicKey,
      issuer,
      { notAfter: new Date(Date.now() + 30 * day) },
      extensions,
    ),
    issue: (options = {}) => issue(options, issuer),
  };
}

/** Creates a self-signed certificate. */
export async function selfSigned(options: CertificateOptions = {}): Promise<IssuedCertificate> {
  return await issue({ hosts: ["127.0.0.1", "localhost"], ...options }, undefined);
}

async function issue(options: CertificateOptions, issuer: Issuer | undefined): Promise<IssuedCertificate> {
  const { subject = "CN=test", hosts = [], client = false, server = false, keyType = "ec" } = options;
  const { privateKey, publicKey } = await keyPair(keyType);
  const usages = [...(client ? [] : ["1.3.6.1.5.5.7.3.1"]), ...(server ? [] : ["1.3.6.1.5.5.7.3.2"])];
  const extensions = [extension("2.5.29.37", sequence(...usages.map(oid)))];
  if (hosts.length > 0) extensions.push(extension("2.5.29.17", sequence(...hosts.map(alternativeName))));
  const { notBefore, notAfter = new Date(Date.now() + 30 * day) } = options;
  const by = issuer ?? { subject, key: privateKey };
  return {
    certificate: certificate(subject, publicKey, by, { notBefore, notAfter }, extensions),
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
  };
}

function keyPair(type: KeyType): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  const generate = promisify(generateKeyPair);
  if (type === "rsa") return promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  if (type === "rsa-pss") return promisify(generateKeyPair)("rsa-pss", { modulusLength: 2048 });
  if (type === "ed25519") return promisify(generateKeyPair)("ed25519", {});
  return generate("ec", { namedCurve: "P-256" });
}

/** Builds and signs a certificate (RFC 5280 §4.1) and returns its PEM. */
function certificate(
  subject: string,
  publicKey: KeyObject,
  issuer: Issuer,
  validity: { readonly notBefore?: Date | undefined; readonly notAfter: Date },
  extensions: readonly Buffer[],
): string {
  const { oid: algorithm, hash } = signature(issuer.key);
  const { notBefore = new Date("2020-01-01T00:00:00Z"), notAfter } = validity;
  const toBeSigned = sequence(
    // Version 3, and a positive serial number without a leading zero.
    tagged(0xa0, tagged(0x02, Buffer.from([2]))),
    tagged(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    distinguishedName(issuer.subject),
    sequence(time(notBefore), time(notAfter)),
    distinguishedName(subject),
    publicKey.export({ type: "spki", format: "der" }),
    tagged(0xa3, sequence(...extensions)),
  );
  const signed = sequence(toBeSigned, algorithm, bits(sign(hash, toBeSigned, issuer.key)));
  const lines = signed.toString("base64").match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function signature(key: KeyObject): { readonly oid: Buffer; readonly hash: "sha256" | null } {
  if (key.asymmetricKeyType === "ed25519") return { oid: sequence(oid("1.3.101.112")), hash: null };
  if (key.asymmetricKeyType === "ec") return { oid: sequence(oid("1.2.840.10045.4.3.2")), hash: "sha256" };
  return { oid: sequence(oid("1.2.840.113549.1.1.11"), tagged(0x05)), hash: "sha256" };
}

const attributes: Readonly<Record<string, string>> = {
  CN: "2.5.4.3",
  C: "2.5.4.6",
  O: "2.5.4.10",
  OU: "2.5.4.11",
};

function distinguishedName(text: string): Buffer {
  const parts = text.split(/\s*,\s*/).reverse();
  const sets = parts.map((part) => {
    const [name = "", value = ""] = part.split("=", 2);
    // A country is a PrintableString, every other attribute a UTF8String.
    const type = attributes[name];
    if (type === undefined) throw new Error(`The test authority does not support the attribute ${name}.`);
    return tagged(0x31, sequence(oid(type), tagged(name === "C" ? 0x13 : 0x0c, Buffer.from(value))));
  });
  return sequence(...sets);
}

function alternativeName(host: string): Buffer {
  if (isIP(host) === 0) return tagged(0x82, Buffer.from(host));
  if (isIP(host) === 4) return tagged(0x87, Buffer.from(host.split(".").map(Number)));
  throw new Error("The test authority does not support IPv6 addresses.");
}

function extension(type: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(type), ...(critical ? [boolean(true)] : []), tagged(0x04, value));
}

/** Encodes a date as UTCTime, or as GeneralizedTime from 2050 on (RFC 5280 §4.1.2.5). */
function time(date: Date): Buffer {
  const text = date.toISOString().replace(/[-:T]|\.\d+/g, "");
  return date.getUTCFullYear() < 2050
    ? tagged(0x17, Buffer.from(text.slice(2)))
    : tagged(0x18, Buffer.from(text));
}

function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((part) => {
    const groups = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return tagged(0x06, Buffer.from(bytes));
}

function bits(value: Buffer): Buffer {
  return tagged(0x03, Buffer.concat([Buffer.from([0]), value]));
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.from([value ? 0xff : 0]));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

/** Encodes a value in DER: tag, length, value. */
function tagged(tag: number, value: Buffer = Buffer.alloc(0)): Buffer {
  const { length } = value;
  const short = length < 0x80;
  const bytes = short ? [] : length < 0x100 ? [length] : [length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, short ? length : 0x80 | bytes.length, ...bytes]), value]);
}
