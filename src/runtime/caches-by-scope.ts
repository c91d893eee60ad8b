import type { TokenCache } from "../tokens/cache.js";

/** The scopes of a token; `undefined` leaves them to the config and the server. */
type Scopes = readonly string[] | undefined;

interface Entry {
  readonly scopes: Scopes;
  readonly cache: TokenCache;
  /** When its token is to be renewed, milliseconds since the epoch. */
  renewAt: number | undefined;
}

export interface CachesByScopeOptions {
  readonly createCache: (scopes: Scopes, onPlan: (renewAt: number | undefined) => void) => TokenCache;
  /** What the config says. */
  readonly scopes: Scopes;
  /** Told when the token of the manager's own set is to be renewed: only that one is renewed before anybody asks. */
  readonly onPlan: (renewAt: number | undefined) => void;
}

// Of the set that is left to the config and the server. A scope has no space.
const defaultScopes = " ";

/** More sets than any server has use for; the one used longest ago makes room. */
const mostSets = 100;

/**
 * The token caches of one manager, one a scope set: its own, which a step-up widens, and those that callers ask for.
 * What befalls one harms no other.
 */
export class CachesByScope {
  readonly #options: CachesByScopeOptions;
  readonly #entries = new Map<string, Entry>();
  #default: Entry;
  #stopped = false;

  constructor(options: CachesByScopeOptions) {
    this.#options = options;
    this.#default = this.#entry(options.scopes);
  }

  /** The cache of the manager's own set. */
  get defaultCache(): TokenCache {
    return this.#default.cache;
  }

  /** The manager's own set as far as it is known before the server is asked. */
  get scopes(): Scopes {
    return this.#default.scopes;
  }

  /** When the token of the manager's own set is to be renewed, milliseconds since the epoch. */
  get renewAt(): number | undefined {
    return this.#default.renewAt;
  }

  /** The cache of one set, whatever the order of its scopes. */
  of(scopes: Scopes): TokenCache {
    return this.#entry(scopes).cache;
  }

  /** From now on the manager's own set is this one. */
  adopt(scopes: readonly string[]): void {
    this.#default = this.#entry(scopes);
    this.#options.onPlan(this.#default.renewAt);
  }

  /** Takes what has not expired from others, for the same scopes of the config, and what the manager's own set has grown to. */
  takeOver(others: CachesByScope): void {
    for (const { scopes, cache } of others.#entries.values()) {
      if (cache.snapshot().expiresAt !== undefined) this.#entry(scopes).cache.takeOver(cache);
    }
    if (others.scopes !== undefined) this.adopt(others.scopes);
  }

  /** A timer that rang tells by how many milliseconds the clock was set back while it ran. */
  clockSetBack(by: number): void {
    for (const { cache } of this.#entries.values()) cache.clockSetBack(by);
  }

  /** There is another credential than before. */
  credentialChanged(): void {
    for (const { cache } of this.#entries.values()) cache.credentialChanged();
  }

  /** Those that are asked for later have stopped too. */
  async stop(grace: number): Promise<void> {
    this.#stopped = true;
    await Promise.all([...this.#entries.values()].map(({ cache }) => cache.stop(grace)));
  }

  #entry(wanted: Scopes): Entry {
    // A list of our own: the caller's may change.
    const scopes = wanted && [...new Set(wanted)];
    const key = scopes === undefined ? defaultScopes : scopes.toSorted().join(" ");
    const known = this.#entries.get(key);
    // A `Map` iterates in order of insertion: the first is the one used longest ago.
    if (known !== undefined) this.#entries.delete(key);
    const entry = known ?? this.#create(scopes);
    this.#entries.set(key, entry);
    this.#makeRoom(entry);
    return entry;
  }

  #create(scopes: Scopes): Entry {
    const cache = this.#options.createCache(scopes, (renewAt) => {
      entry.renewAt = renewAt;
      if (entry === this.#default) this.#options.onPlan(renewAt);
    });
    const entry: Entry = { scopes, cache, renewAt: undefined };
    if (this.#stopped) void cache.stop(0);
    return entry;
  }

  /** `latest` is about to be asked, and others may be under way: whoever asks for the same is to find them. */
  #makeRoom(latest: Entry): void {
    if (this.#entries.size <= mostSets) return;
    let looked = 0;
    for (const [key, entry] of this.#entries) {
      // With any number under way, the next call looks on.
      if (looked > 2 * mostSets) return;
      looked += 1;
      if (entry === this.#default || entry === latest || entry.cache.isRequesting) continue;
      this.#entries.delete(key);
      if (this.#entries.size <= mostSets) return;
    }
  }
}
