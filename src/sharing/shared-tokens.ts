import type { Clock } from "../lib/clock.js";
import { debugStore } from "../lib/debug.js";
import { timeLimit } from "../lib/time-limit.js";
import type { SharedStore } from "../stores/shared-store.js";
import type { Lease } from "../stores/store.js";
import { ReplacementWithheld } from "../tokens/cache-errors.js";
import type { RequestLimits } from "../tokens/refusal-policy.js";
import type { SharedLimits } from "../tokens/refused-tokens.js";
import type { TokenRequest, TokenSource } from "../tokens/source.js";
import type { Token } from "../tokens/token.js";
import { StoreWatcher } from "./store-watcher.js";
import { StoredLimits } from "./stored-limits.js";
import { type Entry, TokenEntries, type TokenEntriesOptions } from "./token-entries.js";

export interface SharedTokensOptions extends TokenEntriesOptions {
  readonly clock: Clock;
  readonly store: SharedStore;
  /** Milliseconds that somebody else's request may take before one of our own is sent beside it. */
  readonly patience: number;
}

/** Milliseconds. */
const lookupTimeout = 2_000;

/**
 * Shares the token of one cache with other processes: takes the one that they have put into the store, and lets one of
 * them ask while the others wait. All of this saves requests and is needed for none: without the store each asks by
 * itself.
 */
export class SharedTokens implements SharedLimits {
  readonly #options: SharedTokensOptions;
  readonly #entries: TokenEntries;
  readonly #limits: StoredLimits;
  /** Of the request under way, as it was when that began. */
  #entry: Entry | undefined;

  constructor(options: SharedTokensOptions) {
    this.#options = options;
    this.#entries = new TokenEntries(options);
    this.#limits = new StoredLimits(options);
  }

  /** Changes what limits requests after refusals, in the background, under the token's lock. */
  update(watcher: (stored: RequestLimits | undefined) => RequestLimits | undefined): void {
    const { store, clock } = this.#options;
    const work = async (): Promise<void> => {
      const entry = this.#entries.latest ?? (await this.#entries.find());
      if (entry === undefined) return;
      const watch = new StoreWatcher(store, entry.key);
      const until = clock.now() + store.lease;
      try {
        while (clock.now() <= until) {
          const locked = await store.withLock(entry.key, (lease) =>
            this.#limits.change(entry.key, lease, watcher),
          );
          if (locked.acquired) return;
          await watch.next(clock, store.closing);
          if (store.closing.aborted) return;
        }
      } finally {
        watch.end();
      }
    };
    // Without the store each process keeps to its own limits.
    store.background(work().catch(() => {}));
  }

  /**
   * What is there and needs no request: asked before the retries, and before the time is waited for in which a server wants
   * to be left alone.
   */
  async present(request: TokenRequest): Promise<Token | undefined> {
    this.#entry = await this.#entries.find(request.signal);
    if (this.#entry === undefined) return undefined;
    if (request.reason !== "forced") return await this.#fresh(this.#entry, request);
    await this.#entries.assertUsable(request);
    return undefined;
  }

  /** The same for those who would be refused otherwise. Never rejects. */
  async elsewhere(): Promise<Token | undefined> {
    const late = new AbortController();
    const limit = timeLimit(this.#options.clock, lookupTimeout, () => late.abort(), { unref: true });
    const request = { reason: "demand", attempt: 1, signal: late.signal } as const;
    try {
      const entry = this.#entries.latest ?? (await this.#entries.find(request.signal));
      return entry && (await this.#entries.look(entry, request)).usable;
    } catch {
      // It cannot be read, or not in time.
      return undefined;
    } finally {
      limit.cancel();
    }
  }

  /** Around each attempt: one process asks, the others wait for what it gets. */
  around(source: TokenSource): TokenSource {
    return {
      getToken: async (request) => {
        const entry = request.attempt === 1 ? this.#entry : await this.#entries.find(request.signal);
        if (entry === undefined) {
          await this.#takeAllowance(request);
          return await source.getToken(request);
        }
        if (request.reason === "forced") return await this.#request(source, request, entry);
        return await this.#shared(source, request, entry);
      },
    };
  }

  async #shared(source: TokenSource, request: TokenRequest, entry: Entry): Promise<Token> {
    const { clock, store, patience } = this.#options;
    const until = clock.now() + patience;
    const watcher = new StoreWatcher(store, entry.key);
    try {
      for (;;) {
        const locked = await this.#entries.guarded(request, () =>
          store.withLock(entry.key, (lease) => this.#underLock(source, request, entry, lease)),
        );
        if (locked?.acquired === true) return locked.value;
        if (locked !== undefined) debugStore(this.#options.server, "locked by another process");
        // Nobody can be waited for without the store. A request after a refusal is never made beside those of others, which
        // would be beyond what they are allowed together: its call has a response already.
        if (locked === undefined || (clock.now() >= until && request.refused === undefined)) break;
        const present = await this.#entries.look(entry, request);
        // Whoever has the lock renews it, and for that nobody has to wait.
        if (present.usable !== undefined && (present.isFresh || callerIsWaiting(request)))
          return present.usable;
        await watcher.next(clock, request.signal);
        // Before the next try for the lock: of all those that wait only one would get it.
        const fresh = await this.#fresh(entry, request);
        if (fresh !== undefined) return fresh;
      }
    } finally {
      watcher.end();
    }
    return await this.#request(source, request, entry);
  }

  async #underLock(source: TokenSource, request: TokenRequest, entry: Entry, lease: Lease): Promise<Token> {
    const { usable, isFresh } = await this.#entries.look(entry, request);
    if (usable !== undefined && isFresh) return usable;
    try {
      return await this.#request(source, request, entry, lease);
    } catch (error) {
      if (usable !== undefined && callerIsWaiting(request) && !request.signal.aborted) return usable;
      throw error;
    }
  }

  async #fresh(entry: Entry, request: TokenRequest): Promise<Token | undefined> {
    const { usable, isFresh } = await this.#entries.look(entry, request);
    return isFresh ? usable : undefined;
  }

  async #request(source: TokenSource, request: TokenRequest, entry: Entry, lease?: Lease): Promise<Token> {
    await this.#takeAllowance(request, entry, lease);
    const token = await source.getToken({ ...request, reads: entry.reads });
    if (!token.isProvisional) await this.#entries.keep(entry, token, request, lease);
    return token;
  }

  /** What follows a refusal is limited together with other processes. Rejects with `ReplacementWithheld`. */
  async #takeAllowance(request: TokenRequest, entry?: Entry, lease?: Lease): Promise<void> {
    const { refused, attempt } = request;
    if (refused === undefined || attempt > 1) return;
    let limits: RequestLimits | undefined;
    let isAsked = false;
    const take = (stored: RequestLimits | undefined): RequestLimits | undefined => {
      isAsked = true;
      limits = refused.take(stored);
      return limits;
    };
    if (entry !== undefined && lease !== undefined) {
      await this.#entries.guarded(request, () => this.#limits.change(entry.key, lease, take));
    }
    // Without the store, or the lock, the limits are those of this process.
    if (!isAsked) take(undefined);
    if (limits === undefined) throw new ReplacementWithheld();
  }
}

/** Somebody waits for it, who has none: one that has to be renewed soon is better than a failure, or than a wait. */
function callerIsWaiting({ reason }: TokenRequest): boolean {
  return reason === "demand" || reason === "rejected";
}
