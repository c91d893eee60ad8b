import type { SecretReference } from "../config/spec.js";
import { fingerprintOf, type Secret } from "../lib/secret.js";
import type { CredentialRecorder, SecretContext } from "./secret-context.js";

interface Note {
  readonly reference: SecretReference;
  /** Of the last value that there was. */
  readonly fingerprint: string | undefined;
  /** Whether there was one the last time. */
  readonly missing: boolean;
  /** Of the value that `changed` has told of, and that no request has read since. */
  readonly told?: string;
}

/** More than any server names: what is beyond is forgotten, the oldest first. */
const mostNotes = 256;

/**
 * Knows, by their hashes, the secrets that the last request of one manager was made with, and so whether another request
 * would be made with others.
 */
export class CredentialWatch implements CredentialRecorder {
  readonly #notes = new Map<string, Note>();
  readonly #bundles = new WeakMap<object, object>();

  note(reference: SecretReference, value: Secret | undefined): boolean {
    const key = JSON.stringify(reference);
    const before = this.#notes.get(key)?.fingerprint;
    const fingerprint = value === undefined ? before : fingerprintOf([value]);
    this.#notes.delete(key);
    this.#notes.set(key, { reference, fingerprint, missing: value === undefined });
    if (this.#notes.size > mostNotes) {
      const [oldest] = this.#notes.keys();
      if (oldest !== undefined) this.#notes.delete(oldest);
    }
    return before !== undefined && before !== fingerprint;
  }

  replaced(spec: object, bundle: object): boolean {
    const before = this.#bundles.get(spec);
    this.#bundles.set(spec, bundle);
    return before !== undefined && before !== bundle;
  }

  /**
   * Whether anything noted gives something else now, as far as that can be told without cost: variables and files are
   * looked at, commands and functions are not run. What cannot be read now is nothing else. Never rejects.
   *
   * Told once of each value: the request that follows may fail before it comes to read it, and then it is the same
   * failure again.
   */
  async changed(context: SecretContext): Promise<boolean> {
    const { readValue } = await import("./read-value.js");
    let hasChanged = false;
    for (const [key, { reference }] of [...this.#notes]) {
      if (!("env" in reference || "file" in reference)) continue;
      const found = await readValue(reference, context);
      if ("value" in found && this.#tell(key, fingerprintOf([found.value]))) hasChanged = true;
    }
    return hasChanged;
  }

  /** Whether this is news of what is noted under a key, which is no news any more then. */
  #tell(key: string, found: string): boolean {
    const note = this.#notes.get(key);
    if (note === undefined || found === note.told) return false;
    if (!note.missing && found === note.fingerprint) return false;
    this.#notes.set(key, { ...note, told: found });
    return true;
  }
}
