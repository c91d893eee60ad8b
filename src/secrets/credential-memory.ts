import type { SecretReference } from "../config/spec.js";
import { fingerprintOf } from "../lib/secret.js";
import { isLocal } from "./reference.js";
import type { SecretContext } from "./secret-context.js";

interface SecretNote {
  readonly reference: SecretReference;
  /** Fingerprint of the last value that could be read. */
  readonly fingerprint: string | undefined;
  /** True when the last read found no value. */
  readonly missing: boolean;
  /** Fingerprint of the value that `hasChanged` reported and that no request has read since. */
  readonly reported?: string;
}

/** More references than any server has. Beyond this, the oldest note is dropped. */
const maxNotes = 256;

/**
 * Remembers what the last requests of one manager were made with. Lives as long as the manager, and holds fingerprints of
 * secrets, never their values.
 */
export class CredentialMemory {
  /** The oldest note comes first. */
  readonly #notes = new Map<string, SecretNote>();
  readonly #bundles = new WeakMap<object, object>();
  /** By acquisition: the specs whose latest key or certificate was refused. */
  readonly followUps = new WeakMap<object, ReadonlySet<object>>();

  /** Returns true when a value differs from the last one that could be read; false for the first value. */
  noteSecret(reference: SecretReference, found: string | undefined): boolean {
    const key = JSON.stringify(reference);
    const previous = this.#notes.get(key)?.fingerprint;
    const fingerprint = found ?? previous;
    this.#notes.delete(key);
    this.#notes.set(key, { reference, fingerprint, missing: found === undefined });
    if (this.#notes.size > maxNotes) {
      const [oldest] = this.#notes.keys();
      if (oldest !== undefined) this.#notes.delete(oldest);
    }
    return previous !== undefined && previous !== fingerprint;
  }

  /** Returns true when a bundle is not the previous object of its spec; false for the first one. */
  noteBundle(spec: object, bundle: object): boolean {
    const previous = this.#bundles.get(spec);
    this.#bundles.set(spec, bundle);
    return previous !== undefined && previous !== bundle;
  }

  /**
   * Whether a request that is made now would use another credential than the last one. Reads environment variables and
   * files; runs no command and calls no function. A value that cannot be read now counts as unchanged. Never rejects.
   *
   * Reports each value once: the next request may fail before it reads the value, and then it fails the same way again.
   */
  async hasChanged(context: SecretContext): Promise<boolean> {
    const { readValue } = await import("./read-value.js");
    let hasChanged = false;
    for (const [key, { reference }] of [...this.#notes]) {
      if (!isLocal(reference)) continue;
      const found = await readValue(reference, context);
      if ("value" in found && this.#report(key, fingerprintOf([found.value]))) hasChanged = true;
    }
    return hasChanged;
  }

  /** Whether a value is new. After that, it is no longer new. */
  #report(key: string, found: string): boolean {
    const note = this.#notes.get(key);
    if (note === undefined || found === note.reported) return false;
    if (!note.missing && found === note.fingerprint) return false;
    this.#notes.set(key, { ...note, reported: found });
    return true;
  }
}
