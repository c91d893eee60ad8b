import type { SecretReference } from "../config/spec.js";
import type { Clock } from "../lib/clock.js";
import type { Secret } from "../lib/secret.js";

/** What is behind a reference, or what the host gives for one of its users. */
type Source = SecretReference | { readonly runtime: true };

/** Milliseconds for which something counts as read just now. */
const justNow = 1_000;

/**
 * What was read to find out whose token is wanted, for the request that asks for it: so that it is asked for in the name
 * of just those, and a command runs once. Each of it is used once; another request reads afresh.
 */
export class PrefetchedSecrets {
  readonly #clock: Clock;
  readonly #readAt: number;
  readonly #values = new Map<string, Secret>();
  readonly #taken = new Set<string>();
  #isExact = true;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#readAt = clock.now();
  }

  /** Everything that was kept was used by the request, which has read nothing of it anew. */
  get isExact(): boolean {
    return this.#isExact && this.#taken.size === this.#values.size;
  }

  keep(source: Source, value: Secret): void {
    this.#values.set(JSON.stringify(source), value);
  }

  /** `undefined` for what is to be read: it was not kept, was used already, or is no longer of now. */
  take(source: Source): Secret | undefined {
    const key = JSON.stringify(source);
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    const age = this.#clock.now() - this.#readAt;
    if (!this.#taken.has(key) && age >= 0 && age < justNow) {
      this.#taken.add(key);
      return value;
    }
    this.#isExact = false;
    return undefined;
  }
}
