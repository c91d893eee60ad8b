import type { CertificateSpec, SecretReference } from "../config/spec.js";
import { systemClock } from "../lib/clock.js";
import { Secret } from "../lib/secret.js";
import type { TlsIdentity } from "../net/network.js";
import { readSecret, type SecretContext } from "../secrets/read-secret.js";
import {
  assertBegun,
  assertBelongsTogether,
  assertNotEnded,
  type Certificate,
  readCertificate,
} from "./certificate.js";
import { fingerprintOf } from "./fingerprint.js";
import { readPem } from "./pem.js";
import { keyInvalid, problemOf } from "./signing-key.js";

interface Loaded {
  readonly fingerprint: string;
  readonly certificate: Certificate;
  readonly identity: TlsIdentity;
}

/** The last identity made from each spec, and a hash of what it was made from. */
const loaded = new WeakMap<CertificateSpec, Loaded>();

/**
 * A client certificate with its key, RFC 8705. Both are read afresh at every call, so that a renewed certificate is used
 * without a restart; while they are the same it is the same object, whose connections are shared.
 *
 * Rejects with the codes of `readSecret`, and with `key_invalid` for what is no certificate or no private key, for two
 * that do not belong together, for a wrong passphrase, and for a certificate that is not valid now.
 */
export async function loadTlsIdentity(spec: CertificateSpec, context: SecretContext): Promise<TlsIdentity> {
  const [text, key, passphrase] = await Promise.all([
    readSecret(spec.cert, context),
    readSecret(spec.key, context),
    spec.passphrase && readSecret(spec.passphrase, context),
  ]);
  const fingerprint = fingerprintOf([text, key, passphrase]);
  const { clock = systemClock, server } = context;
  const judged = <T>(reference: SecretReference, what: string, judge: () => T): T => {
    try {
      return judge();
    } catch (error) {
      throw keyInvalid(reference, server, problemOf(error, what), what);
    }
  };
  const known = loaded.get(spec);
  if (known?.fingerprint === fingerprint) {
    judged(spec.cert, "certificate", () => assertNotEnded(known.certificate, clock.now()));
    return known.identity;
  }
  const privateKey = judged(spec.key, "private key", () => readPem(key.reveal(), passphrase));
  const certificate = judged(spec.cert, "certificate", () => {
    const found = readCertificate(text.reveal());
    assertBelongsTogether(found, privateKey);
    assertNotEnded(found, clock.now());
    assertBegun(found, clock.now());
    return found;
  });
  const { thumbprint, expiresAt, pem } = certificate;
  const identity: TlsIdentity = {
    certificate: pem,
    privateKey: new Secret(privateKey.export({ type: "pkcs8", format: "pem" }).toString()),
    passphrase: undefined,
    thumbprint,
    expiresAt,
  };
  loaded.set(spec, { fingerprint, certificate, identity });
  return identity;
}
