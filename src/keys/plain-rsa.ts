import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { type DerElement, derElement } from "./der.js";
import { KeyProblem } from "./signing-key.js";

const integer = 0x02;
const bitString = 0x03;
const octetString = 0x04;
const sequence = 0x30;

/**
 * The same key without the restriction to PSS (`id-RSASSA-PSS`, RFC 4055 §1.2), any other as it is: neither WebCrypto nor
 * JWK knows such keys, whose numbers are those of any RSA key. What it may sign must be asked of the key before. Throws
 * `KeyProblem`.
 */
export function plainPrivateKey(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== "rsa-pss") return key;
  // RFC 5208 §5: version, algorithm, then a PKCS#1 key.
  const info = derElement(key.export({ type: "pkcs8", format: "der" }), sequence);
  const inner = within(info, [integer, sequence], octetString);
  return createPrivateKey({ key: Buffer.from(inner), format: "der", type: "pkcs1" });
}

/** As `plainPrivateKey`, for a public key. */
export function plainPublicKey(key: KeyObject): KeyObject {
  if (key.asymmetricKeyType !== "rsa-pss") return key;
  // RFC 5280 §4.1: algorithm, then a PKCS#1 key after the count of unused bits, which is none.
  const info = derElement(key.export({ type: "spki", format: "der" }), sequence);
  const inner = within(info, [sequence], bitString).subarray(1);
  return createPublicKey({ key: Buffer.from(inner), format: "der", type: "pkcs1" });
}

/** What the element with this tag holds, after those with the tags to be skipped. */
function within(outer: DerElement | undefined, skipped: readonly number[], tag: number): Uint8Array {
  let rest = outer?.content;
  for (const each of skipped) rest = rest && derElement(rest, each)?.rest;
  const found = rest && derElement(rest, tag)?.content;
  if (found === undefined)
    throw new KeyProblem("it is an RSA key restricted to PSS in a form that is not known.");
  return found;
}
