import { createHash, createPublicKey } from "node:crypto";
import type { KeySpec } from "../config/spec.js";
import type { Secret } from "../lib/secret.js";
import { readSecret, type SecretContext } from "../secrets/read-secret.js";
import { readJwk } from "./jwk.js";
import { assertPairMatches, keyAlgorithms } from "./key-algorithms.js";
import { looksLikePem, readPem } from "./pem.js";
import { type KeyMaterial, KeyProblem, keyInvalid, type PublicJwk, type SigningKey } from "./signing-key.js";

/** The last key made from each spec, and a hash of the text it was made from. */
const imported = new WeakMap<KeySpec, { readonly fingerprint: string; readonly key: SigningKey }>();

/**
 * The private key that a spec names, ready to sign. Its text is read afresh at every call, so that a rotated key is
 * used without a restart, but imported only when it has changed.
 *
 * Rejects with `secret_unavailable` when there is nothing to read, and with `key_invalid` when it is not a private
 * key, cannot be decrypted, is too weak or of an unsupported kind, or does not go with the `alg` or `kid` of the
 * config.
 */
export async function loadKey(spec: KeySpec, context: SecretContext): Promise<SigningKey> {
  const text = await readSecret(spec.privateKey, context);
  const passphrase = spec.passphrase === undefined ? undefined : await readSecret(spec.passphrase, context);
  const fingerprint = fingerprintOf(text, passphrase);
  const known = imported.get(spec);
  if (known?.fingerprint === fingerprint) return known.key;
  try {
    const key = await importKey(spec, text, passphrase);
    imported.set(spec, { fingerprint, key });
    return key;
  } catch (error) {
    // Anything else would be a fault of ours, whose message may quote what it stumbled over.
    const problem = error instanceof KeyProblem ? error.message : "it cannot be read as a private key.";
    throw keyInvalid(spec.privateKey, context.server, problem);
  }
}

function fingerprintOf(text: Secret, passphrase: Secret | undefined): string {
  const parts = JSON.stringify([text.reveal(), passphrase?.reveal() ?? null]);
  return createHash("sha256").update(parts).digest("base64");
}

async function importKey(spec: KeySpec, text: Secret, passphrase: Secret | undefined): Promise<SigningKey> {
  const content = text.reveal();
  const material: KeyMaterial = looksLikePem(content)
    ? { privateKey: readPem(content, passphrase) }
    : readJwk(content, spec.kid);
  const algorithms = keyAlgorithms(material, spec.alg);
  const { privateKey } = material;
  assertPairMatches(privateKey);
  // A public key in JWK form has nothing but strings.
  const publicJwk = createPublicKey(privateKey).export({ format: "jwk" }) as PublicJwk;
  return {
    kid: await keyId(spec.kid, material.kid, publicJwk),
    algorithms,
    configuredAlgorithm: spec.alg,
    publicJwk,
    async sign(header, claims) {
      const { SignJWT } = await import("jose");
      return await new SignJWT({ ...claims }).setProtectedHeader({ ...header }).sign(privateKey);
    },
  };
}

async function keyId(
  configured: string | false | undefined,
  own: string | undefined,
  publicJwk: PublicJwk,
): Promise<string | undefined> {
  if (configured === false) return undefined;
  if (configured === undefined) return own ?? (await thumbprint(publicJwk));
  if (own !== undefined && own !== configured) {
    throw new KeyProblem('the "kid" of the config is not the one that its JWK names. Leave one of them out.');
  }
  return configured;
}

/** RFC 7638, SHA-256. */
async function thumbprint(publicJwk: PublicJwk): Promise<string> {
  const { calculateJwkThumbprint } = await import("jose");
  return await calculateJwkThumbprint({ ...publicJwk });
}
