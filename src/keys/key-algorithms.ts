import { type AsymmetricKeyDetails, createPublicKey, type KeyObject, sign, verify } from "node:crypto";
import { isProgrammingError } from "../errors/expected-errors.js";
import type { KeyMaterial } from "./key-material.js";
import { KeyProblem } from "./signing-key.js";

// PSS first, as RFC 8017 §8 advises, and SHA-256 first, because every server supports it.
const rsa = ["PS256", "RS256", "PS384", "RS384", "PS512", "RS512"] as const;
const ed25519 = ["EdDSA", "Ed25519"] as const;

/**
 * The PSS algorithms of JOSE by OpenSSL's name of the hash. `salt` is in bytes, as long as the hash (RFC 7518 §3.5).
 */
const pssHashes: ReadonlyMap<string, { readonly algorithm: string; readonly salt: number }> = new Map([
  ["sha256", { algorithm: "PS256", salt: 32 }],
  ["sha384", { algorithm: "PS384", salt: 48 }],
  ["sha512", { algorithm: "PS512", salt: 64 }],
]);

/** The algorithms of EC keys by OpenSSL's name of the curve, RFC 7518 §3.4. */
const byCurve: ReadonlyMap<string, { readonly curve: string; readonly algorithm: string }> = new Map([
  ["prime256v1", { curve: "P-256", algorithm: "ES256" }],
  ["secp384r1", { curve: "P-384", algorithm: "ES384" }],
  ["secp521r1", { curve: "P-521", algorithm: "ES512" }],
]);

const supported: ReadonlySet<string> = new Set([...rsa, "ES256", "ES384", "ES512", ...ed25519]);

/** 2048 bits: NIST SP 800-131A, and RFC 7518 §3.3 and §3.5. */
const minRsaBits = 2048;

/**
 * Returns the algorithms that a key may sign with, best first: the `alg` of the config, or else of the JWK, or else all
 * algorithms of the key's type. Throws `KeyProblem` if the key cannot be used, or not with this `alg`.
 */
export function keyAlgorithms(material: KeyMaterial, configured: string | undefined): readonly string[] {
  const { kind, algorithms } = algorithmsOf(material.privateKey);
  const { alg } = material;
  if (configured !== undefined) {
    if (!supported.has(configured)) {
      throw new KeyProblem(
        `the "alg" of the config is not supported. Use one of ${[...supported].join(", ")}.`,
      );
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
    throw new KeyProblem(`the "alg" of its JWK is not supported. Use one of ${[...supported].join(", ")}.`);
  assertFits("its JWK", alg, kind, algorithms);
  return [alg];
}

/** Throws `KeyProblem` if a signer's key, known by its public half, cannot sign with this algorithm. */
export function assertKeySupports(key: KeyObject, alg: string): void {
  const { kind, algorithms } = algorithmsOf(key);
  if (algorithms.includes(alg)) return;
  throw new KeyProblem(
    `its key is ${kind}, which signs ${algorithms.join(", ")}, but the "alg" of the config is "${alg}".`,
  );
}

function isEd25519(alg: string): boolean {
  return ed25519.some((name) => name === alg);
}

function assertFits(source: string, alg: string, kind: string, algorithms: readonly string[]): void {
  if (algorithms.includes(alg)) return;
  throw new KeyProblem(
    `it is ${kind}, which signs ${algorithms.join(", ")}, but the "alg" of ${source} is "${alg}".`,
  );
}

/** Returns what kind of key it is, for messages, and its algorithms. Throws `KeyProblem` if it has none. */
function algorithmsOf(key: KeyObject): { readonly kind: string; readonly algorithms: readonly string[] } {
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
          `it is an EC key on the curve ${details?.namedCurve ?? "unknown"}. The supported curves are P-256, P-384 and P-521.`,
        );
      }
      return { kind: `an EC key on ${known.curve}`, algorithms: [known.algorithm] };
    }
    case "ed25519":
      return { kind: "an Ed25519 key", algorithms: ed25519 };
    default:
      throw new KeyProblem(
        `it is of type ${type ?? "unknown"}. The supported types are RSA, EC and Ed25519.`,
      );
  }
}

function assertLongEnough(details: AsymmetricKeyDetails | undefined): void {
  const bits = details?.modulusLength ?? 0;
  if (bits >= minRsaBits) return;
  throw new KeyProblem(
    `it is an RSA key of ${bits} bits. Use one of at least ${minRsaBits} bits: npx mcp-auth-runtime keys generate ` +
      "--alg RS256 creates one.",
  );
}

/**
 * Returns the algorithms of a PSS key, which may be restricted to one hash and a minimum length of salt (RFC 4055
 * §3.1).
 */
function pssAlgorithms(details: AsymmetricKeyDetails | undefined): readonly string[] {
  const { hashAlgorithm: hash, mgf1HashAlgorithm: maskHash, saltLength = 0 } = details ?? {};
  const all = [...pssHashes.values()].map(({ algorithm }) => algorithm);
  if (hash === undefined) return all;
  const only = pssHashes.get(hash);
  if (only !== undefined && maskHash === hash && saltLength <= only.salt) return [only.algorithm];
  throw new KeyProblem(
    "it is an RSA key restricted to PSS with parameters that no JOSE algorithm uses. Use one without parameters, or a " +
      "plain RSA key.",
  );
}

/**
 * Signs and verifies once. A JWK can consist of parts of different keys, and then the server would refuse every
 * signature without saying why. Throws `KeyProblem`.
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
  if (!matches) throw new KeyProblem("its private and public parts do not belong together: it is damaged.");
}
