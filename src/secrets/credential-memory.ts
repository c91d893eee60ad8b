import type { SecretReference } from "../config/spec.js";

interface SecretNote {
  readonly reference: SecretReference;
  /** Fingerprint of the last value that could be read. */
  readonly fingerprint: string | undefined;
  /** True when the last read found no value. */
  readonly missing: boolean;
  /** Fingerprint of the value that was reported, and that no request has read since. */
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

  /** The references that the last requests read. */
  references(): readonly SecretReference[] {
    return [...this.#notes.values()].map(({ reference }) => reference);
  }

  /** Returns true once for each value that differs from the one that the last request read, or that it could not read. */
  reportSecret(reference: SecretReference, found: string): boolean {
    const key = JSON.stringify(reference);
    const note = this.#notes.get(key);
    if (note === undefined || found === note.reported) return false;
    if (!note.missing && found === note.fingerprint) return false;
    this.#notes.set(key, { ...note, reported: found });
    return true;
  }
}
