import type { SecretReference } from "../config/spec.js";
import type { Clock } from "../lib/clock.js";
import type { Secret } from "../lib/secret.js";
import { fingerprintOf } from "../lib/secret.js";
import type { CredentialMemory } from "./credential-memory.js";
import type { Content } from "./decode-content.js";

/** The event that reports the change. */
export type CredentialChange = "secret:changed" | "key:rotated";

/** The source of a prefetched value: a reference, or the subject token that the host passed to `for()`. */
type PrefetchSource = SecretReference | { readonly runtime: true };

/** Milliseconds for which a prefetched value may be used in place of reading it again. */
const prefetchLifetime = 1_000;

/**
 * Records the secrets, keys and certificates that one attempt at a token request reads, and compares them with those of
 * the manager's previous request. Holds fingerprints of secrets, and the values of prefetched ones, which `take`
 * returns once.
 */
export class CredentialRecorder {
  readonly #clock: Clock;
  readonly #createdAt: number;
  readonly #memory: CredentialMemory;
  readonly #acquisition: object;
  readonly #prefetched = new Map<string, Secret>();
  readonly #taken = new Set<string>();
  #readPrefetchedAgain = false;
  /** Fingerprints by reference. */
  readonly #secrets = new Map<string, string>();
  /** Bundles by spec. A bundle is the object that was made from all parts of a key or certificate. */
  readonly #bundles = new Map<object, object>();
  #stopped = false;

  /** `acquisition`: an object that all attempts of one acquisition share, such as its signal. */
  constructor(clock: Clock, memory: CredentialMemory, acquisition: object) {
    this.#clock = clock;
    this.#createdAt = clock.now();
    this.#memory = memory;
    this.#acquisition = acquisition;
  }

  /** Keeps a value that was read to compute the entry key, so that the request uses the same value. */
  prefetch(source: PrefetchSource, value: Secret): void {
    this.#prefetched.set(JSON.stringify(source), value);
  }

  /**
   * Returns a prefetched value, once. Returns `undefined` if the value has to be read, because it was not prefetched,
   * was taken before, or is older than a second.
   */
  take(source: PrefetchSource): Secret | undefined {
    if (this.#stopped) return undefined;
    const key = JSON.stringify(source);
    const value = this.#prefetched.get(key);
    if (value === undefined) return undefined;
    const age = this.#clock.now() - this.#createdAt;
    if (!this.#taken.has(key) && age >= 0 && age < prefetchLifetime) {
      this.#taken.add(key);
      return value;
    }
    this.#readPrefetchedAgain = true;
    return undefined;
  }

  /**
   * Whether the request used each prefetched value and read none of them again. If so, the entry key is still right.
   */
  get usedAllPrefetched(): boolean {
    return !this.#readPrefetchedAgain && this.#taken.size === this.#prefetched.size;
  }

  /**
   * Records the value of a reference, or `undefined` if it could not be read. Returns true if the value differs from
   * the last one that any attempt of the manager read, and false for the first value.
   */
  recordSecret(reference: SecretReference, value: Secret | undefined, content: Content = "text"): boolean {
    if (this.#stopped) return false;
    const key = JSON.stringify(reference);
    const fingerprint = value && fingerprintOf([value]);
    if (fingerprint !== undefined) this.#secrets.set(key, fingerprint);
    return this.#memory.noteSecret(reference, fingerprint, content);
  }

  /**
   * Records the bundle of a spec. Returns true if it is not the object that the manager's previous request used, and
   * false for the first one.
   */
  recordBundle(spec: object, bundle: object): boolean {
    if (this.#stopped) return false;
    this.#bundles.set(spec, bundle);
    return this.#memory.noteBundle(spec, bundle);
  }

  /** Stops recording. Later reads are only compared with the credentials that the request used. */
  stop(): void {
    this.#stopped = true;
  }

  /** Whether this attempt read the reference. */
  hasRead(reference: SecretReference): boolean {
    return this.#secrets.has(JSON.stringify(reference));
  }

  /** Whether a value differs from the one that this attempt read from the reference. */
  secretDiffers(reference: SecretReference, value: Secret): boolean {
    return this.#secrets.get(JSON.stringify(reference)) !== fingerprintOf([value]);
  }

  /** Whether this attempt loaded a key or certificate from the spec. */
  hasLoaded(spec: object): boolean {
    return this.#bundles.has(spec);
  }

  /** Whether a bundle is not the one that this attempt loaded from the spec. */
  bundleDiffers(spec: object, bundle: object): boolean {
    return this.#bundles.get(spec) !== bundle;
  }

  /** Whether an earlier attempt of this acquisition was rejected, and this one tries another credential. */
  get triesAnotherCredential(): boolean {
    return this.#memory.rejectedSpecs.has(this.#acquisition);
  }

  /** Whether the latest key or certificate of a spec was rejected, and this attempt has to use its predecessor. */
  wasRejected(spec: object): boolean {
    return this.#memory.rejectedSpecs.get(this.#acquisition)?.has(spec) ?? false;
  }

  /** Makes the next attempt of the acquisition use the predecessors of the `rejected` specs. */
  tryAnotherCredential(rejected: ReadonlySet<object>): void {
    this.#memory.rejectedSpecs.set(this.#acquisition, rejected);
  }
}
