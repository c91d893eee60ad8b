import type { CertificateSpec, KeySpec, SecretReference } from "../../config/spec.js";
import { rememberCredential } from "../../errors/sent-credentials.js";
import { loadKey, precedingKey } from "../../keys/load-key.js";
import { loadTlsIdentity, precedingTlsIdentity } from "../../keys/load-tls-identity.js";
import type { KeyContext, SigningKey } from "../../keys/signing-key.js";
import type { Secret } from "../../lib/secret.js";
import type { TlsIdentity } from "../../net/client-certificate.js";
import { readSecret } from "../../secrets/read-secret.js";
import type { CredentialChange } from "../grants/grant.js";

export interface CredentialContext extends KeyContext {
  /** Told of what differs from the request before. */
  readonly noticed?: ((change: CredentialChange) => void) | undefined;
}

/** A key or certificate, by the object that says where it is. */
export type BundleSpec = KeySpec | CertificateSpec;

interface Used {
  /** Whether it is another one when it is read again. */
  changed(context: KeyContext): Promise<boolean>;
  /** It is young, and there is one before it. */
  hasPredecessor(context: KeyContext): boolean;
  readonly spec?: BundleSpec;
}

/**
 * Reads what one token request proves who we are with, and knows it: after a refusal it can tell whether there is
 * another. What a platform or a user gives is not read here: it is new each time, and never tried again.
 */
export class CredentialsInUse {
  readonly #used: Used[] = [];
  readonly #outdated: ReadonlySet<BundleSpec>;

  /** Of the `outdated`, the one before is taken: the latest has been refused. */
  constructor(outdated: ReadonlySet<BundleSpec> = new Set()) {
    this.#outdated = outdated;
  }

  /** A client secret. Rejects with the codes of `readSecret`. */
  async secret(reference: SecretReference, context: CredentialContext): Promise<Secret> {
    const onChanged = () => context.noticed?.("secret:changed");
    const secret = await readSecret(reference, { ...context, onChanged });
    // Also one that only signs: the server has it too, and may quote it.
    rememberCredential(secret.reveal());
    this.#used.push({
      changed: async (again) => (await readSecret(reference, again)).reveal() !== secret.reveal(),
      hasPredecessor: () => false,
    });
    return secret;
  }

  /** A key to sign with. Rejects with the codes of `loadKey`. */
  async key(spec: KeySpec, context: CredentialContext): Promise<SigningKey> {
    const before = this.#outdated.has(spec) ? precedingKey(spec, context) : undefined;
    const key = before ?? (await loadKey(spec, context));
    this.#used.push({
      spec,
      changed: async (again) => (await loadKey(spec, again)).bundle !== key.bundle,
      hasPredecessor: (again) => precedingKey(spec, again) !== undefined,
    });
    return key;
  }

  /** A certificate to present. Rejects with the codes of `loadTlsIdentity`. */
  async identity(spec: CertificateSpec, context: CredentialContext): Promise<TlsIdentity> {
    const before = this.#outdated.has(spec) ? precedingTlsIdentity(spec, context) : undefined;
    const identity = before ?? (await loadTlsIdentity(spec, context));
    this.#used.push({
      spec,
      changed: async (again) => (await loadTlsIdentity(spec, again)) !== identity,
      hasPredecessor: (again) => precedingTlsIdentity(spec, again) !== undefined,
    });
    return identity;
  }

  /** Whether any of them, read again, is another one. What cannot be read now is none. */
  async changed(context: KeyContext): Promise<boolean> {
    for (const used of this.#used) if (await used.changed(context).catch(() => false)) return true;
    return false;
  }

  /** Those which the server may not know yet, while it knows the one before. */
  withPredecessor(context: KeyContext): ReadonlySet<BundleSpec> {
    return new Set(
      this.#used.flatMap((used) => (used.spec && used.hasPredecessor(context) ? [used.spec] : [])),
    );
  }
}
