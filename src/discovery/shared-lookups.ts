import type { Clock } from "../lib/clock.js";
import { debugMetadata, type EndpointKind } from "../lib/debug.js";
import { fail, type Outcome, succeed } from "../net/failure.js";

/** What a lookup brought, and for how long it is good, in milliseconds. */
export interface Loaded<V> {
  readonly value: V;
  readonly freshFor: number;
  /** Milliseconds since the epoch, for what was known to somebody else; the moment of the lookup unless told. */
  readonly askedAt?: number;
  /** Nothing was found: what is known already counts more. */
  readonly isNothing?: boolean;
}

export interface Lookup<V> {
  readonly key: string;
  /** Two lookups at the same time that agree in key and variant share one load. */
  readonly variant: string;
  /** Whether what is cached answers this lookup. */
  readonly accepts: (value: V) => boolean;
  /**
   * Milliseconds since the epoch: what was asked for before this moment is stale, but for a minute, so that nobody can
   * make us ask without end.
   */
  readonly since?: number | undefined;
  /** What is known, for when a load fails or finds nothing; `undefined` for what is then of no use. */
  readonly lastGood: (value: V) => V | undefined;
  readonly load: () => Promise<Outcome<Loaded<V>>>;
}

interface Entry<V> {
  readonly value: V;
  readonly askedAt: number;
  readonly freshUntil: number;
}

/** After an attempt what is stale serves for this long before the next. */
export const staleFor = 60_000;

/**
 * A cache of lookups that are slow and may fail: concurrent ones share a load, the last good value serves while a new
 * load fails or finds nothing, failures are not kept. Holds at most `limit` entries, least recently used
 * out first.
 */
export class SharedLookups<V> {
  /** For debug lines. */
  readonly #endpoint: EndpointKind;
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #entries = new Map<string, Entry<V>>();
  readonly #flights = new Map<string, Map<string, Promise<Outcome<V>>>>();

  constructor(endpoint: EndpointKind, clock: Clock, limit = 1_000) {
    this.#endpoint = endpoint;
    this.#clock = clock;
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Not tied to any caller: who gives up waiting leaves the load to the others. */
  lookup(wanted: Lookup<V>): Promise<Outcome<V>> {
    const { key, variant } = wanted;
    const entry = this.#entries.get(key);
    if (entry !== undefined && wanted.accepts(entry.value) && this.#isFresh(entry, wanted.since)) {
      debugMetadata(this.#endpoint, "cache");
      this.#keep(key, entry);
      return Promise.resolve(succeed(entry.value));
    }
    const flights = this.#flights.get(key) ?? new Map<string, Promise<Outcome<V>>>();
    const running = flights.get(variant);
    if (running !== undefined) {
      debugMetadata(this.#endpoint, "request in flight");
      return running;
    }

    this.#flights.set(key, flights);
    const flight = this.#load(wanted, flights);
    flights.set(variant, flight);
    return flight;
  }

  #isFresh({ askedAt, freshUntil }: Entry<V>, since = askedAt): boolean {
    const now = this.#clock.now();
    return now < freshUntil && (askedAt >= since || now < askedAt + staleFor);
  }

  async #load(wanted: Lookup<V>, flights: Map<string, Promise<Outcome<V>>>): Promise<Outcome<V>> {
    const { key, variant } = wanted;
    // After `forget` the lookups of before are no longer in the map and must not bring back what was forgotten.
    const current = (): boolean => this.#flights.get(key) === flights;
    const askedAt = this.#clock.now();
    try {
      const outcome = await wanted.load();
      return this.#settle(wanted, outcome, askedAt, current());
    } finally {
      flights.delete(variant);
      if (flights.size === 0 && current()) this.#flights.delete(key);
    }
  }

  forget(key: string): void {
    this.#entries.delete(key);
    this.#flights.delete(key);
  }

  /** What is known is to be looked up again, and serves until something better is found. */
  expire(key: string): void {
    const known = this.#entries.get(key);
    if (known !== undefined) this.#entries.set(key, { ...known, freshUntil: 0 });
    this.#flights.delete(key);
  }

  #settle(wanted: Lookup<V>, outcome: Outcome<Loaded<V>>, askedAt: number, current: boolean): Outcome<V> {
    const now = this.#clock.now();
    const known = current ? this.#entries.get(wanted.key) : undefined;
    const lastGood = known && wanted.lastGood(known.value);
    if (outcome.ok && (outcome.value.isNothing !== true || lastGood === undefined)) {
      const { value, freshFor } = outcome.value;
      const entry = { value, askedAt: outcome.value.askedAt ?? askedAt, freshUntil: now + freshFor };
      if (current) this.#keep(wanted.key, entry);
      return succeed(value);
    }
    if (known === undefined || lastGood === undefined) {
      return outcome.ok ? succeed(outcome.value.value) : fail(outcome.failure);
    }
    const freshUntil = Math.max(known.freshUntil, now + staleFor);
    this.#keep(wanted.key, { value: lastGood, askedAt, freshUntil });
    return succeed(lastGood);
  }

  /** A `Map` iterates in order of insertion: the first key is the one used longest ago. */
  #keep(key: string, entry: Entry<V>): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limit) return;
      this.#entries.delete(oldest);
    }
  }
}
