import { generateKeyPair, type KeyObject } from "node:crypto";
import { promisify } from "node:util";

const generate = promisify(generateKeyPair);

const curves = { ES256: "P-256", ES384: "P-384", ES512: "P-521" } as const;

/** The algorithms that a key can be generated for. The first is the one that most servers accept. */
export const generatedAlgorithms = [
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
  ...["PS256", "PS384", "PS512", "RS256", "RS384", "RS512"],
] as const;

/** 128 bits of security, NIST SP 800-57 part 1, table 2. */
export const defaultRsaBits = 3_072;

/** Generates a private key for one of `generatedAlgorithms`. `bits` is the length of an RSA key. */
export async function generateKey(alg: string, bits = defaultRsaBits): Promise<KeyObject> {
  const { privateKey } = await generatePair(alg, bits);
  return privateKey;
}

function generatePair(alg: string, bits: number) {
  if (alg === "EdDSA" || alg === "Ed25519") return generate("ed25519", {});
  if (alg === "ES256" || alg === "ES384" || alg === "ES512") {
    return generate("ec", { namedCurve: curves[alg] });
  }
  return generate("rsa", { modulusLength: bits });
}

/** Whether an algorithm signs with an RSA key. */
export function isRsaAlgorithm(alg: string): boolean {
  return alg.startsWith("RS") || alg.startsWith("PS");
}
