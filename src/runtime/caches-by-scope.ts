import type { McpAuthError } from "../errors/error.js";
import type { TokenCache } from "../tokens/cache.js";

/** The scopes of a token; `undefined` leaves them to the config and the server. */
type Scopes = readonly string[] | undefined;

interface Entry {
  readonly scopes: Scopes;
  readonly cache: TokenCache;
  /** Time of the next background renewal, in milliseconds since the epoch. */
  nextRefreshAt: number | undefined;
}

export interface CachesByScopeOptions {
  readonly createCache: (scopes: Scopes, onPlan: (nextRefreshAt: number | undefined) => void) => TokenCache;
  /** The scopes of the config. */
  readonly scopes: Scopes;
  /**
   * Called with the time of the next background renewal of the default scopes. Only their token is renewed in the
   * background.
   */
  readonly onPlan: (nextRefreshAt: number | undefined) => void;
}

// The key for scopes that the config and the server decide. It differs from all other keys, because a scope has no
// space.
const defaultKey = " ";

/** More caches than any server needs. Beyond that, the least recently used one is dropped. */
const maxCaches = 100;

/**
 * The token caches of one manager, one for each scope set: the default one, which a step-up widens, and those that
 * callers request. A failure in one does not affect the others.
 */
export class CachesByScope {
  readonly #options: CachesByScopeOptions;
  readonly #entries = new Map<string, Entry>();
  #default: Entry;
  #stopped = false;
  #stopReason: McpAuthError | undefined;

  constructor(options: CachesByScopeOptions) {
    this.#options = options;
    this.#default = this.#entry(options.scopes);
  }

  /** The cache of the default scopes. */
  get defaultCache(): TokenCache {
    return this.#default.cache;
  }

  /** The default scopes; `undefined` if the server decides. */
  get scopes(): Scopes {
    return this.#default.scopes;
  }

  /** Time of the next background renewal of the default scopes, in milliseconds since the epoch. */
  get nextRefreshAt(): number | undefined {
    return this.#default.nextRefreshAt;
  }

  /** Returns the cache of a scope set. The order of the scopes does not matter. */
  of(scopes: Scopes): TokenCache {
    return this.#entry(scopes).cache;
  }

  /** Makes these scopes the default ones. */
  adopt(scopes: readonly string[]): void {
    this.#default = this.#entry(scopes);
    this.#options.onPlan(this.#default.nextRefreshAt);
  }

  /** Takes over the unexpired tokens and the default scopes of the caches that these replace. */
  takeOver(previous: CachesByScope): void {
    for (const { scopes, cache } of previous.#entries.values()) {
      if (cache.snapshot().expiresAt !== undefined) this.#entry(scopes).cache.takeOver(cache);
    }
    if (previous.scopes !== undefined) this.adopt(previous.scopes);
  }

  /** A timer noticed that the clock was set back by this many milliseconds. */
  clockSetBack(by: number): void {
    for (const { cache } of this.#entries.values()) cache.clockSetBack(by);
  }

  /** There is a new credential. */
  credentialChanged(): void {
    for (const { cache } of this.#entries.values()) cache.credentialChanged();
  }

  /** Stops all caches. Caches that are created later are stopped too. Calls get `reason`, by default `stopped`. */
  async stop(grace: number, reason?: McpAuthError): Promise<void> {
    this.#stopped = true;
    this.#stopReason ??= reason;
    await Promise.all([...this.#entries.values()].map(({ cache }) => cache.stop(grace, this.#stopReason)));
  }

  #entry(given: Scopes): Entry {
    // A copy, because the caller may change its list.
    const scopes = given && [...new Set(given)];
    const key = scopes === undefined ? defaultKey : scopes.toSorted().join(" ");
    const known = this.#entries.get(key);
    // Inserted again, so that the first entry of the `Map` is the least recently used one.
    if (known !== undefined) this.#entries.delete(key);
    const entry = known ?? this.#create(scopes);
    this.#entries.set(key, entry);
    this.#makeRoom(entry);
    return entry;
  }

  #create(scopes: Scopes): Entry {
    const cache = this.#options.createCache(scopes, (nextRefreshAt) => {
      entry.nextRefreshAt = nextRefreshAt;
      if (entry === this.#default) this.#options.onPlan(nextRefreshAt);
    });
    const entry: Entry = { scopes, cache, nextRefreshAt: undefined };
    if (this.#stopped) void cache.stop(0, this.#stopReason);
    return entry;
  }

  /**
   * Drops the least recently used caches. Keeps `latest`, and each cache with a request in flight, because later
   * callers must join that request.
   */
  #makeRoom(latest: Entry): void {
    if (this.#entries.size <= maxCaches) return;
    let visited = 0;
    for (const [key, entry] of this.#entries) {
      // If this many have a request in flight, the next call drops the others.
      if (visited > 2 * maxCaches) return;
      visited += 1;
      if (entry === this.#default || entry === latest || entry.cache.isRequesting) continue;
      this.#entries.delete(key);
      if (this.#entries.size <= maxCaches) return;
    }
  }
}
