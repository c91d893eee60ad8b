import { createPrivateKey, type JsonWebKey, type KeyObject } from "node:crypto";
import { isProgrammingError } from "../errors/expected-errors.js";

/**
 * Reads an unencrypted private key in the format of OpenSSH (PROTOCOL.key): RSA, EC or Ed25519. Returns `undefined` for
 * an encrypted, damaged or other one.
 */
export function readOpenSsh(bytes: Buffer): KeyObject | undefined {
  const jwk = jwkOf(bytes);
  if (jwk === undefined) return undefined;
  try {
    return createPrivateKey({ key: jwk, format: "jwk" });
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    return undefined;
  }
}

const magic = "openssh-key-v1\0";

function jwkOf(bytes: Buffer): JsonWebKey | undefined {
  if (bytes.subarray(0, magic.length).toString("latin1") !== magic) return undefined;
  const outer = new Reader(bytes.subarray(magic.length));
  const cipher = outer.text();
  // The key derivation and its options.
  outer.text();
  outer.text();
  if (cipher !== "none" || outer.number() !== 1) return undefined;
  // The public key.
  outer.text();
  const inner = new Reader(outer.bytes());
  // Two equal numbers, which are random, so that a wrong passphrase is noticed.
  const [check, again] = [inner.number(), inner.number()];
  if (check !== again) return undefined;
  const type = inner.text();
  if (type === "ssh-rsa") return rsa(inner);
  if (type === "ssh-ed25519") return ed25519(inner);
  return type.startsWith("ecdsa-sha2-") ? ec(inner) : undefined;
}

function rsa(inner: Reader): JsonWebKey | undefined {
  const [n, e, d, qi, p, q] = Array.from({ length: 6 }, () => inner.bytes());
  if (!(n?.length && e?.length && d?.length && qi?.length && p?.length && q?.length)) return undefined;
  const exponent = (prime: Buffer) => {
    const hex = (toBigInt(d) % (toBigInt(prime) - 1n)).toString(16);
    return Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, "hex");
  };
  if (toBigInt(p) < 2n || toBigInt(q) < 2n) return undefined;
  const numbers = { n, e, d, p, q, dp: exponent(p), dq: exponent(q), qi };
  const members = Object.entries(numbers).map(([name, value]) => [name, positive(value)]);
  return { kty: "RSA", ...Object.fromEntries(members) };
}

function ed25519(inner: Reader): JsonWebKey {
  const x = inner.bytes();
  // The seed, then the public key again.
  const d = inner.bytes().subarray(0, 32);
  return { kty: "OKP", crv: "Ed25519", x: x.toString("base64url"), d: d.toString("base64url") };
}

const curves: ReadonlyMap<string, { readonly crv: string; readonly size: number }> = new Map([
  ["nistp256", { crv: "P-256", size: 32 }],
  ["nistp384", { crv: "P-384", size: 48 }],
  ["nistp521", { crv: "P-521", size: 66 }],
]);

function ec(inner: Reader): JsonWebKey | undefined {
  const curve = curves.get(inner.text());
  // 4, which says that it is not compressed, then both coordinates.
  const point = inner.bytes();
  const d = Buffer.from(positive(inner.bytes()), "base64url");
  if (curve === undefined || point.length !== 1 + 2 * curve.size || d.length > curve.size) return undefined;
  const { crv, size } = curve;
  return {
    kty: "EC",
    crv,
    x: point.subarray(1, 1 + size).toString("base64url"),
    y: point.subarray(1 + size).toString("base64url"),
    d: Buffer.concat([Buffer.alloc(size - d.length), d]).toString("base64url"),
  };
}

function toBigInt(bytes: Buffer): bigint {
  return BigInt(`0x${bytes.toString("hex")}`);
}

/** A positive number in base64url, without the zeros before it. */
function positive(bytes: Buffer): string {
  const start = bytes.findIndex((byte) => byte !== 0);
  return bytes.subarray(start === -1 ? bytes.length : start).toString("base64url");
}

/** Reads the data types of RFC 4251 §5. What is beyond the end is zero, or empty. */
class Reader {
  #rest: Buffer;

  constructor(bytes: Buffer) {
    this.#rest = bytes;
  }

  number(): number {
    const value = this.#rest.length < 4 ? 0 : this.#rest.readUInt32BE();
    this.#rest = this.#rest.subarray(4);
    return value;
  }

  bytes(): Buffer {
    const length = this.number();
    const value = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return value;
  }

  text(): string {
    return this.bytes().toString("latin1");
  }
}
