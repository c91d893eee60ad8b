import type { Clock } from "../lib/clock.js";
import { debugMetadata } from "../lib/debug.js";
import { type Outcome, succeed } from "../net/failure.js";
import { longestFresh } from "./freshness.js";
import { type Loaded, staleFor } from "./shared-lookups.js";

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

/** Which metadata an entry holds. */
export interface MetadataName {
  readonly kind: MetadataKind;
  readonly name: string;
  /** How it is asked for, where that is not as usual: what comes of it may be another document. */
  readonly variant?: string | undefined;
}

/** Keeps metadata beyond the process, so that a warm start asks nobody. Neither method rejects: it is an aid. */
export interface MetadataStore {
  read(name: MetadataName): Promise<StoredMetadata | undefined>;
  /** @param keptUntil milliseconds since the epoch: stale, it serves those who find nothing better */
  write(name: MetadataName, metadata: StoredMetadata, keptUntil: number): Promise<void>;
}

interface Wanted<V> extends MetadataName {
  /** Milliseconds since the epoch: what was asked for before is of no use. */
  readonly since: number | undefined;
  /** What is stored, if it is of the right form and answers the question. */
  readonly judge: (value: unknown) => V | undefined;
  /** As in `Lookup`. */
  readonly lastGood: (value: V) => V | undefined;
  /** What others get of it, as JSON; `undefined` for what is not for them. */
  readonly toStore: (value: V) => unknown;
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

  forget({ kind, name }: MetadataName): void {
    if (this.#store !== undefined) this.#forgotten.set(`${kind} ${name}`, this.#clock.now());
  }

  async load<V>({ since, judge, lastGood, toStore, load, ...name }: Wanted<V>): Promise<Outcome<Loaded<V>>> {
    const store = this.#store;
    if (store === undefined) return await load();
    const askedAt = this.#clock.now();
    const found = await this.#find(store, name);
    const value = found && judge(found.value);
    if (found !== undefined && value !== undefined) {
      // Longer than any document is good for, whatever the entry says of itself.
      const freshUntil = Math.min(found.freshUntil, found.askedAt + longestFresh);
      if (askedAt < freshUntil && found.askedAt >= (since ?? 0)) {
        debugMetadata(
          name.kind === "issuer" ? "authorization server metadata" : "resource metadata",
          "store",
        );
        return succeed({ value, askedAt: found.askedAt, freshFor: freshUntil - askedAt });
      }
    }
    const outcome = await load();
    if (!outcome.ok || outcome.value.isNothing === true) {
      const last = value === undefined ? undefined : lastGood(value);
      if (last !== undefined) return succeed({ value: last, freshFor: staleFor });
    }
    const stored = outcome.ok ? toStore(outcome.value.value) : undefined;
    if (outcome.ok && stored !== undefined) {
      const { value, freshFor } = outcome.value;
      const freshUntil = askedAt + freshFor;
      const keptUntil = lastGood(value) === undefined ? freshUntil : askedAt + longestFresh;
      await store.write(name, { value: stored, askedAt, freshUntil }, keptUntil);
    }
    return outcome;
  }

  /** What is stored, if it is not known to be wrong. */
  async #find(store: MetadataStore, name: MetadataName): Promise<StoredMetadata | undefined> {
    const now = this.#clock.now();
    const found = await store.read(name);
    if (found === undefined || found.askedAt > now + leeway || now >= found.askedAt + longestFresh)
      return undefined;
    const forgotten = this.#forgotten.get(`${name.kind} ${name.name}`) ?? 0;
    return found.askedAt >= forgotten ? found : undefined;
  }
}
