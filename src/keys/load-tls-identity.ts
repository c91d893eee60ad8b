import type { CertificateSpec } from "../config/spec.js";
import { systemClock } from "../lib/clock.js";
import { fingerprintOf, Secret } from "../lib/secret.js";
import type { TlsIdentity } from "../net/client-certificate.js";
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
import { invalidContent } from "./invalid-content.js";
import { readPrivateKey } from "./read-private-key.js";
import { type KeyContext, type KeyKind, PartsDiffer } from "./signing-key.js";

interface Loaded {
  readonly identity: TlsIdentity;
  readonly certificate: Certificate;
}

const bundles = new BundleHistory<CertificateSpec, Loaded>();

/**
 * Loads a client certificate with its key, RFC 8705. Reads both again at each call, so that a renewed certificate is
 * used without a restart. As long as they are the same, returns the same object, so that connections are shared. If
 * they do not belong together, because only one of them has been replaced yet, returns the last valid pair for ten
 * minutes.
 *
 * Rejects with the codes of `readSecret`, and with `key_invalid` for a text that is not a certificate or a private key,
 * for a certificate of another key, for a wrong passphrase, and for a certificate that is not valid now. `key_invalid`
 * is retryable if a file has just changed.
 */
export async function loadTlsIdentity(spec: CertificateSpec, context: KeyContext): Promise<TlsIdentity> {
  const references = [spec.cert, spec.key, spec.passphrase];
  const identity = await readWhenWritten(references, context, async () => {
    const [certificate, key, passphrase] = await Promise.all([
      readKeyContent(spec.cert, context, "the certificate"),
      readKeyContent(spec.key, context, "the key of the certificate"),
      spec.passphrase && readSecret(spec.passphrase, context, "the passphrase"),
    ]);
    return await identityFromTexts(spec, { certificate, key, passphrase }, context);
  });
  if (context.recorder?.recordBundle(spec, identity)) context.onCredentialChange?.("key:rotated");
  return identity;
}

/**
 * Returns the predecessor of the pair that `loadTlsIdentity` returned last, if that pair is less than ten minutes old.
 */
export function precedingTlsIdentity(
  spec: CertificateSpec,
  { clock = systemClock }: KeyContext,
): TlsIdentity | undefined {
  return bundles.predecessor(spec, clock.now())?.identity;
}

interface Texts {
  readonly certificate: Secret;
  readonly key: Secret;
  readonly passphrase: Secret | undefined;
}

/** Returns the last pair if the texts are the same, or else a new pair, or the last valid pair if they do not match. */
async function identityFromTexts(
  spec: CertificateSpec,
  texts: Texts,
  { server, clock = systemClock }: KeyContext,
): Promise<ReadAttempt<TlsIdentity>> {
  const now = clock.now();
  const fingerprint = fingerprintOf([texts.certificate, texts.key, texts.passphrase]);
  // The text that is being read, which an error is about.
  let reading: KeyKind = "certificate";
  try {
    const known = bundles.find(spec, fingerprint, now);
    if (known !== undefined) {
      assertNotExpired(known.certificate, now);
      return { value: known.identity };
    }
    reading = "private key";
    const privateKey = readPrivateKey(texts.key, texts.passphrase).privateKey;
    reading = "certificate";
    const certificate = readCertificate(texts.certificate.reveal());
    assertCertifies(certificate, privateKey);
    assertNotExpired(certificate, now);
    assertNotTooEarly(certificate, now);
    const { thumbprint, expiresAt, pem, isForClients } = certificate;
    const identity: TlsIdentity = {
      certificate: pem,
      privateKey: new Secret(privateKey.export({ type: "pkcs8", format: "pem" }).toString()),
      passphrase: undefined,
      thumbprint,
      expiresAt,
      isForClients,
    };
    const bundle = { identity, certificate };
    const loaded = { fingerprint, identity: pem, bundle, endsAt: expiresAt };
    return { value: bundles.keep(spec, loaded, now).identity };
  } catch (error) {
    const staleFallback = error instanceof PartsDiffer ? bundles.staleFallback(spec, now) : undefined;
    if (staleFallback !== undefined) return { value: staleFallback.identity };
    return reading === "certificate"
      ? await invalidContent(error, texts.certificate, reading, spec.cert, server)
      : await invalidContent(error, texts.key, reading, spec.key, server);
  }
}
