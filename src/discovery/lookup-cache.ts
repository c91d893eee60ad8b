import type { Clock } from "../lib/clock.js";
import { debugMetadata, type EndpointKind } from "../lib/debug.js";
import { fail, type Outcome, succeed } from "../net/failure.js";

/** The result of a load. */
export interface Loaded<V> {
  readonly value: V;
  /** Milliseconds. */
  readonly freshFor: number;
  /**
   * When the value was requested, in milliseconds since the epoch, if another process requested it. The start of the
   * load by default.
   */
  readonly askedAt?: number;
  /** Whether nothing was found. The last good value is then preferred. */
  readonly isEmpty?: boolean;
}

export interface Lookup<V> {
  readonly key: string;
  /** Concurrent lookups with the same key and variant share one load. */
  readonly variant: string;
  /** Returns whether a cached value answers this lookup. */
  readonly accepts: (value: V) => boolean;
  /**
   * Milliseconds since the epoch. A value that was requested earlier is stale, unless it is less than a minute old,
   * because a server must not be able to cause endless requests.
   */
  readonly since?: number | undefined;
  /** Returns the part of a cached value that is used if the load fails or finds nothing; `undefined` for no part. */
  readonly lastGood: (value: V) => V | undefined;
  readonly load: () => Promise<Outcome<Loaded<V>>>;
}

interface Entry<V> {
  readonly value: V;
  readonly askedAt: number;
  readonly freshUntil: number;
}

/** How long a stale value is used after a failed load, before the next load, in milliseconds. */
export const staleFor = 60_000;

/**
 * A cache for lookups that are slow and may fail. Concurrent lookups share a load. If a load fails or finds nothing,
 * the last good value is used. Failures are not cached. The cache holds `limit` entries and drops the least recently
 * used.
 */
export class LookupCache<V> {
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

  /** Returns the cached value, or loads it. A caller that stops waiting does not end the load. */
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
    // After `forget`, earlier loads are no longer in the map. They must not bring back the value that was forgotten.
    const isCurrent = (): boolean => this.#flights.get(key) === flights;
    const askedAt = this.#clock.now();
    try {
      const outcome = await wanted.load();
      return this.#settle(wanted, outcome, askedAt, isCurrent());
    } finally {
      flights.delete(variant);
      if (flights.size === 0 && isCurrent()) this.#flights.delete(key);
    }
  }

  /** Drops the cached value. A load in flight does not bring it back. */
  forget(key: string): void {
    this.#entries.delete(key);
    this.#flights.delete(key);
  }

  /** Makes the cached value stale: the next lookup loads, and uses the value only if the load fails. */
  expire(key: string): void {
    const entry = this.#entries.get(key);
    if (entry !== undefined) this.#entries.set(key, { ...entry, freshUntil: 0 });
    this.#flights.delete(key);
  }

  /** Returns the outcome of a load, or the last good value if that is better, and caches it. */
  #settle(wanted: Lookup<V>, outcome: Outcome<Loaded<V>>, askedAt: number, isCurrent: boolean): Outcome<V> {
    const now = this.#clock.now();
    const cached = isCurrent ? this.#entries.get(wanted.key) : undefined;
    const lastGood = cached && wanted.lastGood(cached.value);
    if (outcome.ok && (outcome.value.isEmpty !== true || lastGood === undefined)) {
      const { value, freshFor } = outcome.value;
      const entry = { value, askedAt: outcome.value.askedAt ?? askedAt, freshUntil: now + freshFor };
      if (isCurrent) this.#keep(wanted.key, entry);
      return succeed(value);
    }
    if (cached === undefined || lastGood === undefined) {
      return outcome.ok ? succeed(outcome.value.value) : fail(outcome.failure);
    }
    const freshUntil = Math.max(cached.freshUntil, now + staleFor);
    this.#keep(wanted.key, { value: lastGood, askedAt, freshUntil });
    return succeed(lastGood);
  }

  /** Makes an entry the most recently used. A `Map` iterates in order of insertion, so its first key is the oldest. */
  #keep(key: string, entry: Entry<V>): void {
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limit) return;
      this.#entries.delete(oldest);
    }
  }
}

const minute = 60_000;
const minFresh = 5 * minute;
/** The longest time that a document stays fresh, in milliseconds. */
export const longestFresh = 24 * 60 * minute;
const defaultFresh = 60 * minute;

/** How long the absence of metadata is cached, in milliseconds. */
export const absenceFreshFor = minFresh;

/**
 * Returns how long a metadata document stays fresh, in milliseconds: `max-age` of its `Cache-Control`, but at least 5
 * minutes and at most 24 hours; 5 minutes for `no-store` and `no-cache`, because metadata is not private; an hour
 * without the header. If it becomes wrong earlier, the token endpoint answers 404 or 405, and the metadata is fetched
 * again.
 */
export function freshFor(headers: Headers): number {
  const directives = (headers.get("cache-control") ?? "").toLowerCase().split(",");
  let maxAge: number | undefined;
  for (const directive of directives) {
    const [name = "", value = ""] = directive.split("=", 2).map((part) => part.trim());
    if (name === "no-store" || name === "no-cache") return minFresh;
    const seconds = value.replaceAll('"', "");
    if (name === "max-age" && /^\d+$/.test(seconds)) maxAge ??= Number(seconds) * 1_000;
  }
  return maxAge === undefined ? defaultFresh : Math.min(Math.max(maxAge, minFresh), longestFresh);
}
