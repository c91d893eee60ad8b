import { createPublicKey } from "node:crypto";
import type { KeySpec, PrivateKeySpec } from "../config/spec.js";
import { systemClock } from "../lib/clock.js";
import { readSecret } from "../secrets/read-secret.js";
import {
  assertBegun,
  assertBelongsTogether,
  assertNotEnded,
  type Certificate,
  readCertificate,
} from "./certificate.js";
import { fingerprintOf } from "./fingerprint.js";
import { readJwk } from "./jwk.js";
import { assertPairMatches, keyAlgorithms } from "./key-algorithms.js";
import { looksLikePem, readPem } from "./pem.js";
import { plainPrivateKey } from "./plain-rsa.js";
import {
  type KeyContext,
  type KeyMaterial,
  KeyProblem,
  keyInvalid,
  type PublicJwk,
  problemOf,
  type SigningKey,
  thumbprintOf,
} from "./signing-key.js";

/** The last key made from each spec, and a hash of the texts it was made from. */
const imported = new WeakMap<
  PrivateKeySpec,
  { readonly fingerprint: string; readonly key: SigningKey; readonly certificate: Certificate | undefined }
>();

/**
 * The private key that a spec names, ready to sign. Its text is read afresh at every call, so that a rotated key is
 * used without a restart, but imported only when it has changed; its certificate goes with it. Of a signer outside of
 * the process only the certificate is read, and nothing is asked before it signs.
 *
 * Rejects with the codes of `readSecret`, and with `key_invalid` when it is not a private key, cannot be decrypted, is
 * too weak or of an unsupported kind, or does not go with the `alg`, `kid` or `certificate` of the config.
 */
export async function loadKey(spec: KeySpec, context: KeyContext): Promise<SigningKey> {
  if ("signer" in spec) return await (await import("./load-signer.js")).loadSigner(spec, context);
  return await loadPrivateKey(spec, context);
}

async function loadPrivateKey(spec: PrivateKeySpec, context: KeyContext): Promise<SigningKey> {
  const { server, clock = systemClock } = context;
  const [text, passphrase, certificateText] = await Promise.all([
    readSecret(spec.privateKey, context),
    spec.passphrase && readSecret(spec.passphrase, context),
    spec.certificate && readSecret(spec.certificate, context),
  ]);
  const ofCertificate = <T>(judge: () => T): T | undefined => {
    if (spec.certificate === undefined) return undefined;
    try {
      return judge();
    } catch (error) {
      throw keyInvalid(spec.certificate, server, problemOf(error, "certificate"), "certificate");
    }
  };
  const fingerprint = fingerprintOf([text, passphrase, certificateText]);
  const known = imported.get(spec);
  if (known?.fingerprint === fingerprint) {
    ofCertificate(() => known.certificate && assertNotEnded(known.certificate, clock.now()));
    return known.key;
  }
  let material: KeyMaterial;
  let algorithms: readonly string[];
  try {
    const content = text.reveal();
    material = looksLikePem(content)
      ? { privateKey: readPem(content, passphrase) }
      : readJwk(content, spec.kid);
    algorithms = keyAlgorithms(material, spec.alg);
    material = { ...material, privateKey: plainPrivateKey(material.privateKey) };
    assertPairMatches(material.privateKey);
  } catch (error) {
    throw keyInvalid(spec.privateKey, server, problemOf(error));
  }
  const { privateKey } = material;
  const certificate = ofCertificate(() => {
    const found = readCertificate(certificateText?.reveal() ?? "");
    assertBelongsTogether(found, privateKey);
    assertNotEnded(found, clock.now());
    assertBegun(found, clock.now());
    return found;
  });
  try {
    const key = await signingKey(spec, material, algorithms, certificate);
    imported.set(spec, { fingerprint, key, certificate });
    return key;
  } catch (error) {
    throw keyInvalid(spec.privateKey, server, problemOf(error));
  }
}

async function signingKey(
  spec: PrivateKeySpec,
  material: KeyMaterial,
  algorithms: readonly string[],
  certificate: Certificate | undefined,
): Promise<SigningKey> {
  const { privateKey } = material;
  // A public key in JWK form has nothing but strings.
  const publicJwk = createPublicKey(privateKey).export({ format: "jwk" }) as PublicJwk;
  return {
    kid: await keyId(spec.kid, material.kid, publicJwk),
    algorithms,
    configuredAlgorithm: spec.alg,
    publicJwk,
    certificateThumbprint: certificate?.thumbprint,
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
  if (configured === undefined) return own ?? (await thumbprintOf(publicJwk));
  if (own !== undefined && own !== configured) {
    throw new KeyProblem('the "kid" of the config is not the one that its JWK names. Leave one of them out.');
  }
  return configured;
}
