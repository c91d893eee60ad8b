import { createPrivateKey, type KeyObject, type PrivateKeyInput } from "node:crypto";
import { isProgrammingError } from "../errors/expected-errors.js";
import { readDerElement } from "../lib/der.js";
import type { Secret } from "../lib/secret.js";
import { KeyProblem, PartsDiffer, PossiblyUnfinished } from "./signing-key.js";

/** PKCS#8 (RFC 5208 §5 and §6), PKCS#1 (RFC 8017 §A.1.2), SEC1 (RFC 5915 §3). */
export type PrivateKeyFormat = "pkcs8" | "encrypted pkcs8" | "pkcs1" | "sec1";

const integer = 0x02;
const octetString = 0x04;
const objectIdentifier = 0x06;
const sequence = 0x30;

/** Returns the format of a private key in DER, or `undefined` if the bytes are something else. */
export function privateKeyFormat(bytes: Uint8Array): PrivateKeyFormat | undefined {
  const outer = readDerElement(bytes, sequence);
  if (outer === undefined) return undefined;
  const algorithm = readDerElement(outer.content, sequence);
  if (algorithm !== undefined) {
    const isAlgorithm = readDerElement(algorithm.content, objectIdentifier) !== undefined;
    const data = readDerElement(algorithm.rest, octetString);
    return isAlgorithm && data?.rest.length === 0 ? "encrypted pkcs8" : undefined;
  }
  const version = readDerElement(outer.content, integer);
  if (version === undefined || version.content.length !== 1) return undefined;
  if (readDerElement(version.rest, octetString) !== undefined) return "sec1";
  const inner = readDerElement(version.rest, sequence);
  if (inner !== undefined) return readDerElement(inner.rest, octetString) === undefined ? undefined : "pkcs8";
  return countIntegers(version.rest) === 8 ? "pkcs1" : undefined;
}

/** An RSA key has eight numbers after its version, a DSA key five, and a public key none. */
function countIntegers(bytes: Uint8Array): number {
  let count = 0;
  for (let next = readDerElement(bytes, integer); next !== undefined; count += 1) {
    next = readDerElement(next.rest, integer);
  }
  return count;
}

interface ImportOptions {
  readonly passphrase: Secret | undefined;
  /** The problem if the key cannot be imported. */
  readonly damaged: string;
}

/** Imports a private key from DER. Throws `KeyProblem`. */
export function importDer(
  der: Uint8Array,
  format: PrivateKeyFormat,
  { passphrase, damaged }: ImportOptions,
): KeyObject {
  const isEncrypted = format === "encrypted pkcs8";
  const type = isEncrypted ? "pkcs8" : format;
  return importKey({ key: Buffer.from(der), format: "der", type }, { isEncrypted, passphrase, damaged });
}

/** Imports a private key. Ignores the passphrase if the key is not encrypted. Throws `KeyProblem`. */
export function importKey(
  input: PrivateKeyInput,
  { isEncrypted, passphrase, damaged }: ImportOptions & { readonly isEncrypted: boolean },
): KeyObject {
  if (isEncrypted && passphrase === undefined) {
    throw new KeyProblem('it is encrypted. Add the key\'s "passphrase" to the config, as a reference.');
  }
  try {
    return createPrivateKey({
      ...input,
      ...(isEncrypted && passphrase && { passphrase: passphrase.reveal() }),
    });
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    // OpenSSL's error is dropped: for a wrong passphrase it is one of many, by chance.
    if (isEncrypted) {
      throw new PartsDiffer(
        "it cannot be decrypted: the passphrase is wrong, or it is encrypted in a way that OpenSSL no longer supports.",
      );
    }
    throw new PossiblyUnfinished(damaged);
  }
}
