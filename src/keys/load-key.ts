import { createPublicKey } from "node:crypto";
import type { KeySpec, PrivateKeySpec, SecretReference } from "../config/spec.js";
import { systemClock } from "../lib/clock.js";
import { fingerprintOf, type Secret } from "../lib/secret.js";
import { unreachable } from "../lib/unreachable.js";
import { privateKey } from "../secrets/file.js";
import { readKeyContent, readSecret } from "../secrets/read-secret.js";
import { type ReadAttempt, readWhenWritten } from "../secrets/read-when-written.js";
import { BundleHistory } from "./bundle-history.js";
import {
  assertCertifies,
  assertNotExpired,
  assertNotTooEarly,
  type Certificate,
  readCertificate,
} from "./certificate.js";
import { certificateParameters } from "./certificate-header.js";
import { invalidContent } from "./invalid-content.js";
import { assertPairMatches, keyAlgorithms } from "./key-algorithms.js";
import type { KeyMaterial } from "./key-material.js";
import { readPrivateKey } from "./read-private-key.js";
import { plainPrivateKey } from "./rsa-pss.js";
import {
  type KeyContext,
  KeyProblem,
  PartsDiffer,
  type PublicJwk,
  type SigningKey,
  thumbprintOf,
} from "./signing-key.js";

interface Loaded {
  readonly key: SigningKey;
  readonly certificate: Certificate | undefined;
}

const bundles = new BundleHistory<PrivateKeySpec, Loaded>();

/**
 * Loads the private key of a spec, with its certificate, ready to sign. Reads its text again at each call, so that a
 * rotated key is used without a restart, but imports it only if it has changed. For a signer outside of the process,
 * only the certificate is read. If the key, the passphrase and the certificate do not belong together, because not all
 * of them have been replaced yet, returns the last valid key for ten minutes.
 *
 * Rejects with the codes of `readSecret`, and with `key_invalid` when it is not a private key, cannot be decrypted, is
 * too weak or of an unsupported kind, or does not go with the `alg`, `kid` or `certificate` of the config; that is
 * retryable when a file was changed a moment ago.
 */
export async function loadKey(spec: KeySpec, context: KeyContext): Promise<SigningKey> {
  const key = await loadAny(spec, context);
  if (context.recorder?.recordBundle(spec, key.bundle)) context.onCredentialChange?.("key:rotated");
  return key;
}

async function loadAny(spec: KeySpec, context: KeyContext): Promise<SigningKey> {
  if ("signer" in spec) return await (await import("./load-signer.js")).loadSigner(spec, context);
  if ("privateKey" in spec) return await loadPrivateKey(spec, context);
  return unreachable(spec);
}

/**
 * Returns the predecessor of the key that `loadKey` returned last, as long as that key is less than ten minutes old.
 */
export function precedingKey(spec: KeySpec, { clock = systemClock }: KeyContext): SigningKey | undefined {
  // A signer outside of the process chooses the key itself.
  if ("signer" in spec) return undefined;
  if ("privateKey" in spec) return bundles.predecessor(spec, clock.now())?.key;
  return unreachable(spec);
}

async function loadPrivateKey(spec: PrivateKeySpec, context: KeyContext): Promise<SigningKey> {
  const references = [spec.privateKey, spec.passphrase, spec.certificate];
  return await readWhenWritten(references, context, async () => {
    const [text, passphrase, certificate] = await Promise.all([
      readKeyContent(spec.privateKey, context, privateKey),
      spec.passphrase && readSecret(spec.passphrase, context, "the passphrase"),
      spec.certificate && readKeyContent(spec.certificate, context, "the certificate"),
    ]);
    return await keyFromTexts(spec, { text, passphrase, certificate }, context);
  });
}

interface Texts {
  readonly text: Secret;
  readonly passphrase: Secret | undefined;
  readonly certificate: Secret | undefined;
}

/** Returns the last key if the texts are the same, or else a new key, or the last valid key if they do not match. */
async function keyFromTexts(
  spec: PrivateKeySpec,
  texts: Texts,
  { server, clock = systemClock }: KeyContext,
): Promise<ReadAttempt<SigningKey>> {
  const now = clock.now();
  const fingerprint = fingerprintOf([texts.text, texts.passphrase, texts.certificate]);
  // The text that is being read, which an error is about.
  let reading: SecretReference = spec.privateKey;
  const checkCertificate = (load: () => Certificate): Certificate | undefined => {
    if (spec.certificate === undefined) return undefined;
    reading = spec.certificate;
    const certificate = load();
    assertNotExpired(certificate, now);
    reading = spec.privateKey;
    return certificate;
  };
  try {
    const known = bundles.find(spec, fingerprint, now);
    if (known !== undefined) {
      const { certificate } = known;
      if (certificate !== undefined) checkCertificate(() => certificate);
      return { value: known.key };
    }
    const material = readMaterial(spec, texts);
    const certificate = checkCertificate(() => {
      const found = readCertificate(texts.certificate?.reveal() ?? "");
      assertCertifies(found, material.privateKey);
      assertNotTooEarly(found, now);
      return found;
    });
    const key = await signingKey(spec, material, certificate);
    const bundle = { key, certificate };
    const identity = identityOf(key);
    const endsAt = certificate?.expiresAt;
    return { value: bundles.keep(spec, { fingerprint, identity, bundle, endsAt }, now).key };
  } catch (error) {
    const staleFallback = error instanceof PartsDiffer ? bundles.staleFallback(spec, now) : undefined;
    if (staleFallback !== undefined) return { value: staleFallback.key };
    return reading === spec.certificate
      ? await invalidContent(error, texts.certificate, "certificate", reading, server)
      : await invalidContent(error, texts.text, "private key", reading, server);
  }
}

interface UsableMaterial extends KeyMaterial {
  readonly algorithms: readonly string[];
}

function readMaterial(spec: PrivateKeySpec, { text, passphrase }: Texts): UsableMaterial {
  const read = readPrivateKey(text, passphrase, spec.kid);
  const algorithms = keyAlgorithms(read, spec.alg);
  const privateKey = plainPrivateKey(read.privateKey);
  assertPairMatches(privateKey);
  return { ...read, privateKey, algorithms };
}

/**
 * Returns a string that is equal for two texts of the same key, so that rewriting a file does not count as a rotation.
 */
function identityOf(key: SigningKey): string {
  const { kid, algorithms, publicJwk, certificateThumbprint, certificateParameters: sent } = key;
  return JSON.stringify([kid, algorithms, publicJwk, certificateThumbprint, sent]);
}

async function signingKey(
  spec: PrivateKeySpec,
  { privateKey, kid, algorithms }: UsableMaterial,
  certificate: Certificate | undefined,
): Promise<SigningKey> {
  // All members of a public JWK are strings.
  const publicJwk = createPublicKey(privateKey).export({ format: "jwk" }) as PublicJwk;
  return {
    kid: await keyId(spec.kid, kid, publicJwk),
    kidFrom: spec.kid !== undefined ? "config" : kid !== undefined ? "jwk" : "thumbprint",
    algorithms,
    configuredAlgorithm: spec.alg,
    publicJwk,
    certificateThumbprint: certificate?.thumbprint,
    certificateParameters: certificate && certificateParameters(certificate, spec.certificateHeaders),
    bundle: {},
    async sign(header, claims) {
      // Not `SignJWT`, which also parses dates and durations: a bundle would contain that too.
      const { CompactSign } = await import("jose/jws/compact/sign");
      const payload = new TextEncoder().encode(JSON.stringify(claims));
      const { x5c, ...others } = header;
      // The library's type wants a list that may be changed.
      const ownHeader = { ...others, ...(x5c && { x5c: [...x5c] }) };
      return await new CompactSign(payload).setProtectedHeader(ownHeader).sign(privateKey);
    },
  };
}

async function keyId(
  configured: string | false | undefined,
  kidOfJwk: string | undefined,
  publicJwk: PublicJwk,
): Promise<string | undefined> {
  if (configured === false) return undefined;
  if (configured === undefined) return kidOfJwk ?? (await thumbprintOf(publicJwk));
  if (kidOfJwk !== undefined && kidOfJwk !== configured) {
    throw new KeyProblem('the "kid" of the config is not the one that its JWK names. Remove one of them.');
  }
  return configured;
}
