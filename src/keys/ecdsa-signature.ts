import { derElement } from "./der.js";

/** Bytes of r and of s, RFC 7518 §3.4. */
const sizes: ReadonlyMap<string, number> = new Map([
  ["ES256", 32],
  ["ES384", 48],
  ["ES512", 66],
]);

/** Bytes that a signature in the form of JOSE has; `undefined` where the key decides. */
export function signatureLength(alg: string): number | undefined {
  const size = sizes.get(alg);
  if (size !== undefined) return size * 2;
  return alg === "EdDSA" || alg === "Ed25519" ? 64 : undefined;
}

/**
 * An ECDSA signature in DER (RFC 3279 §2.2.3, two integers in a sequence), as most tools make it, in the form of JOSE:
 * r and s side by side, each of full length. `undefined` for what is not DER, or not of this algorithm.
 */
export function rawFromDer(der: Uint8Array, alg: string): Uint8Array | undefined {
  const size = sizes.get(alg);
  const sequence = derElement(der, 0x30);
  if (size === undefined || sequence === undefined || sequence.rest.length > 0) return undefined;
  const r = derElement(sequence.content, 0x02);
  const s = r && derElement(r.rest, 0x02);
  if (r === undefined || s === undefined || s.rest.length > 0) return undefined;
  const parts = [unsigned(r.content, size), unsigned(s.content, size)];
  return parts.every((part) => part !== undefined) ? Buffer.concat(parts) : undefined;
}

/** A positive integer at full length: without the zero that keeps it positive, with those that make it long enough. */
function unsigned(integer: Uint8Array, size: number): Uint8Array | undefined {
  const [first, second] = integer;
  if (first === undefined || first >= 0x80) return undefined;
  if (first === 0 && integer.length > 1 && (second ?? 0) < 0x80) return undefined;
  const digits = first === 0 ? integer.subarray(1) : integer;
  if (digits.length === 0 || digits.length > size) return undefined;
  return Buffer.concat([Buffer.alloc(size - digits.length), digits]);
}
