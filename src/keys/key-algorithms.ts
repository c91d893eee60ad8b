import { type AsymmetricKeyDetails, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { isProgrammingError } from "../lib/programming-error.js";
import { type KeyMaterial, KeyProblem } from "./signing-key.js";

// PSS first, as RFC 8017 §8 advises; SHA-256 before the others, because every server has it.
const rsa = ["PS256", "RS256", "PS384", "RS384", "PS512", "RS512"] as const;
const ed25519 = ["EdDSA", "Ed25519"] as const;

/** Hashes that JOSE has with PSS, by OpenSSL's name, with the bytes of salt: as many as the hash has, RFC 7518 §3.5. */
const pssHashes: ReadonlyMap<string, { readonly algorithm: string; readonly salt: number }> = new Map([
  ["sha256", { algorithm: "PS256", salt: 32 }],
  ["sha384", { algorithm: "PS384", salt: 48 }],
  ["sha512", { algorithm: "PS512", salt: 64 }],
]);

/** By OpenSSL's name of the curve: RFC 7518 §3.4. */
const byCurve: ReadonlyMap<string, { readonly curve: string; readonly algorithm: string }> = new Map([
  ["prime256v1", { curve: "P-256", algorithm: "ES256" }],
  ["secp384r1", { curve: "P-384", algorithm: "ES384" }],
  ["secp521r1", { curve: "P-521", algorithm: "ES512" }],
]);

const supported: ReadonlySet<string> = new Set([...rsa, "ES256", "ES384", "ES512", ...ed25519]);

/** 2048 bits: NIST SP 800-131A, and RFC 7518 §3.3 and §3.5. */
const leastRsaBits = 2048;

/**
 * What a key may sign with, best first: the config's `alg`, else the JWK's, else all that its type can. Throws
 * `KeyProblem` when that is nothing.
 */
export function keyAlgorithms(material: KeyMaterial, configured: string | undefined): readonly string[] {
  const { kind, algorithms } = ownAlgorithms(material.privateKey);
  const { alg } = material;
  if (configured !== undefined) {
    if (!supported.has(configured)) {
      throw new KeyProblem(`the "alg" of the config is none of ${[...supported].join(", ")}.`);
    }
    assertFits("the config", configured, kind, algorithms);
    // EdDSA and Ed25519 are two names of one algorithm (RFC 9864 §2.2).
    const agrees = alg === undefined || alg === configured || (isEd25519(alg) && isEd25519(configured));
    if (!agrees)
      throw new KeyProblem(`the "alg" of the config, "${configured}", is not the one that its JWK names.`);
    return [configured];
  }
  if (alg === undefined) return algorithms;
  if (!supported.has(alg))
    throw new KeyProblem(`the "alg" of its JWK is none of ${[...supported].join(", ")}.`);
  assertFits("its JWK", alg, kind, algorithms);
  return [alg];
}

/** Whether a key that somebody else signs with can have this algorithm, by its public half. Throws `KeyProblem`. */
export function assertSuits(key: KeyObject, alg: string): void {
  const { kind, algorithms } = ownAlgorithms(key);
  if (algorithms.includes(alg)) return;
  throw new KeyProblem(
    `its key is ${kind}, which signs ${algorithms.join(", ")}, but the "alg" of the config is "${alg}".`,
  );
}

function isEd25519(alg: string): boolean {
  return ed25519.some((name) => name === alg);
}

function assertFits(whose: string, alg: string, kind: string, algorithms: readonly string[]): void {
  if (algorithms.includes(alg)) return;
  throw new KeyProblem(
    `it is ${kind}, which signs ${algorithms.join(", ")}, but the "alg" of ${whose} is "${alg}".`,
  );
}

function ownAlgorithms(key: KeyObject): { readonly kind: string; readonly algorithms: readonly string[] } {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  switch (type) {
    case "rsa":
      assertLongEnough(details);
      return { kind: "an RSA key", algorithms: rsa };
    case "rsa-pss":
      assertLongEnough(details);
      return { kind: "an RSA key restricted to PSS", algorithms: pssAlgorithms(details) };
    case "ec": {
      const known = byCurve.get(details?.namedCurve ?? "");
      if (known === undefined) {
        throw new KeyProblem(
          `it is an EC key on the curve ${details?.namedCurve ?? "unknown"}. The curves that can be used are P-256, P-384 and P-521.`,
        );
      }
      return { kind: `an EC key on ${known.curve}`, algorithms: [known.algorithm] };
    }
    case "ed25519":
      return { kind: "an Ed25519 key", algorithms: ed25519 };
    default:
      throw new KeyProblem(
        `it is of type ${type ?? "unknown"}. The types that can be used are RSA, EC and Ed25519.`,
      );
  }
}

function assertLongEnough(details: AsymmetricKeyDetails | undefined): void {
  const bits = details?.modulusLength ?? 0;
  if (bits >= leastRsaBits) return;
  throw new KeyProblem(`it is an RSA key of ${bits} bits. The least that is secure is ${leastRsaBits}.`);
}

/** RFC 4055 §3.1: such a key may be bound to one hash, and to a least length of salt. */
function pssAlgorithms(details: AsymmetricKeyDetails | undefined): readonly string[] {
  const { hashAlgorithm: hash, mgf1HashAlgorithm: maskHash, saltLength = 0 } = details ?? {};
  const all = [...pssHashes.values()].map(({ algorithm }) => algorithm);
  if (hash === undefined) return all;
  const only = pssHashes.get(hash);
  if (only !== undefined && maskHash === hash && saltLength <= only.salt) return [only.algorithm];
  throw new KeyProblem(
    "it is an RSA key restricted to PSS with parameters that no JOSE algorithm has. Use one without parameters, or a plain RSA key.",
  );
}

/**
 * Signs and verifies once: a JWK can be put together from parts of different keys, and then every signature would
 * be refused by the server without a word about why. Throws `KeyProblem`.
 */
export function assertPairMatches(privateKey: KeyObject): void {
  const data = Buffer.from("a signature to try the key with");
  const hash = privateKey.asymmetricKeyType === "ed25519" ? null : "sha256";
  let matches = false;
  try {
    matches = verify(hash, data, createPublicKey(privateKey), sign(hash, data, privateKey));
  } catch (error) {
    if (isProgrammingError(error)) throw error;
    // OpenSSL refuses some damaged keys only when they are used.
  }
  if (!matches)
    throw new KeyProblem("its private and its public part do not belong together: it is damaged.");
}
