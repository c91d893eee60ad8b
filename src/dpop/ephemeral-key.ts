import { constants, generateKeyPair, type KeyObject, type SignKeyObjectInput, sign } from "node:crypto";
import { promisify } from "node:util";
import { signingInput } from "../keys/sign-jwt.js";
import type { PublicJwk } from "../keys/signing-key.js";
import type { ProofKey } from "./dpop-signer.js";
import { proofJwk } from "./proof-jwk.js";

const generate = promisify(generateKeyPair);
const signInThreadPool = promisify(sign);

interface Algorithm {
  /** The hash of the signature; `null` if the algorithm includes one. */
  readonly hash: string | null;
  generate(): Promise<{ readonly publicKey: KeyObject; readonly privateKey: KeyObject }>;
  readonly options?: Omit<SignKeyObjectInput, "key">;
  /** Whether signing takes less time than the way to another thread and back. */
  readonly isQuick?: true;
}

const ec = (namedCurve: string, hash: string): Algorithm => ({
  hash,
  generate: () => generate("ec", { namedCurve }),
  // The format of JOSE (RFC 7518 §3.4).
  options: { dsaEncoding: "ieee-p1363" },
});

const ed25519: Algorithm = { hash: null, generate: () => generate("ed25519", {}), isQuick: true };

const rsa = (hash: string, options: Omit<SignKeyObjectInput, "key"> = {}): Algorithm => ({
  hash,
  generate: () => generate("rsa", { modulusLength: 2_048 }),
  options,
});

const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };

// In order of preference: first the one that every server supports, then the quick ones, because each request has a
// proof.
const algorithms: ReadonlyMap<string, Algorithm> = new Map([
  ["ES256", { ...ec("P-256", "sha256"), isQuick: true }],
  ["EdDSA", ed25519],
  ["Ed25519", ed25519],
  ["ES384", ec("P-384", "sha384")],
  ["ES512", ec("P-521", "sha512")],
  ["PS256", rsa("sha256", pss)],
  ["RS256", rsa("sha256")],
  ["PS384", rsa("sha384", pss)],
  ["RS384", rsa("sha384")],
  ["PS512", rsa("sha512", pss)],
  ["RS512", rsa("sha512")],
]);

/** The algorithms of ephemeral keys, in order of preference. */
export const ephemeralKeyAlgorithms: readonly string[] = [...algorithms.keys()];

/**
 * Generates a key that exists only in this process, for one of `ephemeralKeyAlgorithms`. It signs with `node:crypto`
 * instead of `jose`, with which a proof takes four times as long, because each request has a proof.
 */
export async function generateEphemeralKey(alg: string): Promise<ProofKey> {
  const algorithm = algorithms.get(alg);
  if (algorithm === undefined) throw new TypeError("No key can be generated for this algorithm.");
  const { hash, options, isQuick } = algorithm;
  const { publicKey, privateKey } = await algorithm.generate();
  // All members of a public JWK are strings.
  const jwk = proofJwk(publicKey.export({ format: "jwk" }) as PublicJwk);
  if (jwk === undefined) throw new TypeError("The new key has no public part.");
  const key: SignKeyObjectInput = { ...options, key: privateKey };
  return {
    alg,
    jwk,
    async sign(header, claims) {
      const input = signingInput(header, claims);
      const bytes = Buffer.from(input, "ascii");
      const signature = isQuick === true ? sign(hash, bytes, key) : await signInThreadPool(hash, bytes, key);
      return `${input}.${signature.toString("base64url")}`;
    },
  };
}
