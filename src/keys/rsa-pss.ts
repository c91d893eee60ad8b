import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { type DerElement, readDerElement } from "../lib/der.js";
import { KeyProblem } from "./signing-key.js";

const integer = 0x02;
const bitString = 0x03;
const octetString = 0x04;
const sequence = 0x30;

/**
 * Returns the same key without the restriction to PSS (`id-RSASSA-PSS`, RFC 4055 §1.2), and any other key unchanged.
 * WebCrypto and JWK do not support restricted keys, although their numbers are those of any RSA key. Call
 * `keyAlgorithms` before this, with the restricted key. Throws `KeyProblem`.
 */
export function plainPrivateKey(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== "rsa-pss") return key;
  // RFC 5208 §5: version, algorithm, then a PKCS#1 key.
  const info = readDerElement(key.export({ type: "pkcs8", format: "der" }), sequence);
  const inner = contentOf(info, [integer, sequence], octetString);
  return createPrivateKey({ key: Buffer.from(inner), format: "der", type: "pkcs1" });
}

/** Does the same as `plainPrivateKey`, for a public key. */
export function plainPublicKey(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== "rsa-pss") return key;
  // RFC 5280 §4.1: algorithm, then a bit string: the number of unused bits, which is zero, and a PKCS#1 key.
  const info = readDerElement(key.export({ type: "spki", format: "der" }), sequence);
  const inner = contentOf(info, [sequence], bitString).subarray(1);
  return createPublicKey({ key: Buffer.from(inner), format: "der", type: "pkcs1" });
}

/** Returns the content of the element with this tag that follows elements with the skipped tags. */
function contentOf(outer: DerElement | undefined, skippedTags: readonly number[], tag: number): Uint8Array {
  let rest = outer?.content;
  for (const skipped of skippedTags) rest = rest && readDerElement(rest, skipped)?.rest;
  const found = rest && readDerElement(rest, tag)?.content;
  if (found === undefined)
    throw new KeyProblem("it is an RSA key restricted to PSS in an unknown encoding. Use a plain RSA key.");
  return found;
}
