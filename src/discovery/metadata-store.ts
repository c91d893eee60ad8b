import type { Clock } from "../lib/clock.js";
import { type Outcome, succeed } from "../net/failure.js";
import { longestFresh } from "./freshness.js";
import type { Loaded } from "./shared-lookups.js";

/** Whose metadata it is: an authorization server's, by its issuer, or an MCP server's, by its URL. */
export type MetadataKind = "issuer" | "resource";

/** What was learned, as JSON. */
export interface StoredMetadata {
  readonly value: unknown;
  /** Milliseconds since the epoch. */
  readonly askedAt: number;
  /** Milliseconds since the epoch. */
  readonly freshUntil: number;
}

/** Keeps metadata beyond the process, so that a warm start asks nobody. Neither method rejects: it is an aid. */
export interface MetadataStore {
  read(kind: MetadataKind, name: string): Promise<StoredMetadata | undefined>;
  write(kind: MetadataKind, name: string, metadata: StoredMetadata): Promise<void>;
}

interface Wanted<V> {
  readonly kind: MetadataKind;
  readonly name: string;
  /** Milliseconds since the epoch: what was asked for before is of no use. */
  readonly since: number | undefined;
  /** What is stored, if it is of the right form and answers the question. */
  readonly judge: (value: unknown) => V | undefined;
  readonly load: () => Promise<Outcome<Loaded<V>>>;
}

/** Clocks of machines differ by less than this; what was asked for later is of no clock to be believed. */
const leeway = 60_000;

/** Lookups by way of a store. */
export class StoredLookups {
  readonly #store: MetadataStore | undefined;
  readonly #clock: Clock;
  /** When what was known was found to be wrong. */
  readonly #forgotten = new Map<string, number>();

  constructor(store: MetadataStore | undefined, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  forget(kind: MetadataKind, name: string): void {
    if (this.#store !== undefined) this.#forgotten.set(`${kind} ${name}`, this.#clock.now());
  }

  async load<V>({ kind, name, since, judge, load }: Wanted<V>): Promise<Outcome<Loaded<V>>> {
    const store = this.#store;
    if (store === undefined) return await load();
    const askedAt = this.#clock.now();
    const found = await store.read(kind, name);
    const forgotten = this.#forgotten.get(`${kind} ${name}`) ?? 0;
    // Longer than any document is good for, whatever the entry says of itself.
    const freshUntil = found && Math.min(found.freshUntil, found.askedAt + longestFresh);
    if (
      found !== undefined &&
      freshUntil !== undefined &&
      askedAt < freshUntil &&
      found.askedAt <= askedAt + leeway &&
      found.askedAt >= Math.max(since ?? 0, forgotten)
    ) {
      const value = judge(found.value);
      if (value !== undefined) {
        return succeed({ value, askedAt: found.askedAt, freshFor: freshUntil - askedAt });
      }
    }
    const outcome = await load();
    if (outcome.ok) {
      const { value, freshFor } = outcome.value;
      await store.write(kind, name, { value, askedAt, freshUntil: askedAt + freshFor });
    }
    return outcome;
  }
}
