import { readDerElement } from "../lib/der.js";

/** Bytes of r and of s, RFC 7518 §3.4. */
const sizes: ReadonlyMap<string, number> = new Map([
  ["ES256", 32],
  ["ES384", 48],
  ["ES512", 66],
]);

/** Returns the length of a JOSE signature in bytes, or `undefined` for RSA, where it depends on the key. */
export function signatureLength(alg: string): number | undefined {
  const size = sizes.get(alg);
  if (size !== undefined) return size * 2;
  return alg === "EdDSA" || alg === "Ed25519" ? 64 : undefined;
}

/**
 * Converts an ECDSA signature from DER (RFC 3279 §2.2.3, a sequence of two integers), which most tools print, to the
 * form of JOSE: r and s, one after the other, each of full length. Returns `undefined` for a signature that is not DER,
 * or not of this algorithm.
 */
export function rawFromDer(der: Uint8Array, alg: string): Uint8Array | undefined {
  const size = sizes.get(alg);
  const sequence = readDerElement(der, 0x30);
  if (size === undefined || sequence === undefined || sequence.rest.length > 0) return undefined;
  const r = readDerElement(sequence.content, 0x02);
  const s = r && readDerElement(r.rest, 0x02);
  if (r === undefined || s === undefined || s.rest.length > 0) return undefined;
  const parts = [unsigned(r.content, size), unsigned(s.content, size)];
  return parts.every((part) => part !== undefined) ? Buffer.concat(parts) : undefined;
}

/** Converts a positive DER integer to a fixed length: removes the sign byte and adds leading zeros. */
function unsigned(integer: Uint8Array, size: number): Uint8Array | undefined {
  const [first, second] = integer;
  if (first === undefined || first >= 0x80) return undefined;
  if (first === 0 && integer.length > 1 && (second ?? 0) < 0x80) return undefined;
  const digits = first === 0 ? integer.subarray(1) : integer;
  if (digits.length === 0 || digits.length > size) return undefined;
  return Buffer.concat([Buffer.alloc(size - digits.length), digits]);
}
