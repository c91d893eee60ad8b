import type { SecretReference } from "../config/spec.js";
import type { Content } from "./decode-content.js";

interface SecretNote {
  readonly reference: SecretReference;
  readonly content: Content;
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
 * Remembers the credentials of the last requests of one manager, to detect a change. Lives as long as the manager.
 * Holds fingerprints of secrets, never their values.
 */
export class CredentialMemory {
  /** The oldest note comes first. */
  readonly #notes = new Map<string, SecretNote>();
  // Created when needed: most managers have neither a key nor a rejected credential.
  #bundles: WeakMap<object, object> | undefined;
  #rejectedSpecs: WeakMap<object, ReadonlySet<object>> | undefined;

  /**
   * Notes the fingerprint of a value, or `undefined` if it could not be read. Returns true if it differs from the last
   * fingerprint, and false for the first one.
   */
  noteSecret(reference: SecretReference, found: string | undefined, content: Content = "text"): boolean {
    const key = JSON.stringify(reference);
    const previous = this.#notes.get(key)?.fingerprint;
    const fingerprint = found ?? previous;
    this.#notes.delete(key);
    this.#notes.set(key, { reference, content, fingerprint, missing: found === undefined });
    if (this.#notes.size > maxNotes) {
      const [oldest] = this.#notes.keys();
      if (oldest !== undefined) this.#notes.delete(oldest);
    }
    return previous !== undefined && previous !== fingerprint;
  }

  /** Notes a bundle. Returns true if it is not the previous object of its spec, and false for the first one. */
  noteBundle(spec: object, bundle: object): boolean {
    this.#bundles ??= new WeakMap();
    const previous = this.#bundles.get(spec);
    this.#bundles.set(spec, bundle);
    return previous !== undefined && previous !== bundle;
  }

  /** For each acquisition that tries another credential: the specs whose latest key or certificate was rejected. */
  get rejectedSpecs(): WeakMap<object, ReadonlySet<object>> {
    this.#rejectedSpecs ??= new WeakMap();
    return this.#rejectedSpecs;
  }

  /** The references that the last requests read, and what each holds. */
  references(): readonly Pick<SecretNote, "reference" | "content">[] {
    return [...this.#notes.values()];
  }

  /**
   * Returns true if a value differs from the one that the last request read, or if that request could not read it.
   * Returns true only once for each value.
   */
  reportSecret(reference: SecretReference, found: string): boolean {
    const key = JSON.stringify(reference);
    const note = this.#notes.get(key);
    if (note === undefined || found === note.reported) return false;
    if (!note.missing && found === note.fingerprint) return false;
    this.#notes.set(key, { ...note, reported: found });
    return true;
  }
}
