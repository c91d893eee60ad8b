import type { SecretReference } from "../config/spec.js";
import { fingerprintOf } from "../lib/fingerprint.js";
import type { Secret } from "../lib/secret.js";
import type { CredentialNotes, SecretContext } from "./secret-context.js";

interface Note {
  readonly reference: SecretReference;
  /** Of the last value that there was. */
  readonly fingerprint: string | undefined;
  /** Whether there was one the last time. */
  readonly missing: boolean;
}

/** More than any server names: what is beyond is forgotten, the oldest first. */
const mostNotes = 256;

/**
 * Knows, by their hashes, the secrets that the last request of one manager was made with, and so whether another request
 * would be made with others.
 */
export class CredentialWatch implements CredentialNotes {
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
   */
  async changed(context: SecretContext): Promise<boolean> {
    const { readValue } = await import("./read-value.js");
    for (const { reference, fingerprint, missing } of [...this.#notes.values()]) {
      if (!("env" in reference || "file" in reference)) continue;
      const found = await readValue(reference, context);
      if ("value" in found && (missing || fingerprintOf([found.value]) !== fingerprint)) return true;
    }
    return false;
  }
}
