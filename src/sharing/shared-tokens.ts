import { ignoreFailure } from "../errors/expected-errors.js";
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
  /** Milliseconds to wait while another process has the lock, before this process sends a request without it. */
  readonly maxLockWait: number;
}

/** Milliseconds that a call in a cool-down waits for a token from the store. */
const lookupTimeout = 2_000;

/**
 * Shares the token of one cache with other processes. It takes a token that another process has put into the store, and
 * lets one process send a request while the others wait. The store only saves requests: without it, each process sends
 * its own.
 */
export class SharedTokens implements SharedLimits {
  readonly #options: SharedTokensOptions;
  readonly #entries: TokenEntries;
  readonly #limits: StoredLimits;
  /** The entry of the request in flight, found when the request began. */
  #entry: Entry | undefined;

  constructor(options: SharedTokensOptions) {
    this.#options = options;
    this.#entries = new TokenEntries(options);
    this.#limits = new StoredLimits(options);
  }

  /** Changes the stored limits on requests after refusals, in the background and under the lock of the token. */
  update(change: (stored: RequestLimits | undefined) => RequestLimits | undefined): void {
    const { store, clock } = this.#options;
    const work = async (): Promise<void> => {
      const entry = this.#entries.latest ?? (await this.#entries.find());
      if (entry === undefined) return;
      const watcher = new StoreWatcher(store, entry.key);
      const until = clock.now() + store.lease;
      try {
        while (clock.now() <= until) {
          const locked = await store.withLock(entry.key, (lease) =>
            this.#limits.change(entry.key, lease, change),
          );
          if (locked.acquired) return;
          await watcher.next(clock, store.closing);
          if (store.closing.aborted) return;
        }
      } finally {
        watcher.end();
      }
    };
    // Without the store, each process applies its own limits.
    store.background(work());
  }

  /**
   * Returns a fresh token from the store, so that no request is needed. Called before the attempts, and before a wait
   * that the server asked for with `Retry-After`.
   */
  async findFresh(request: TokenRequest): Promise<Token | undefined> {
    this.#entry = await this.#entries.find(request.signal);
    if (this.#entry === undefined) return undefined;
    if (request.reason !== "forced") return await this.#fresh(this.#entry, request);
    await this.#entries.assertUsable(request);
    return undefined;
  }

  /**
   * Returns a usable token from the store, for a call that would fail because of a cool-down. A failure of the store is
   * ignored.
   */
  async findUsable(): Promise<Token | undefined> {
    const lookup = new AbortController();
    const limit = timeLimit(this.#options.clock, lookupTimeout, () => lookup.abort(), { unref: true });
    const request = { reason: "demand", attempt: 1, signal: lookup.signal } as const;
    try {
      const entry = this.#entries.latest ?? (await this.#entries.find(request.signal));
      return entry && (await this.#entries.lookUp(entry, request)).usable;
    } catch (error) {
      // The store could not be read, or not in time.
      return ignoreFailure(error);
    } finally {
      limit.cancel();
    }
  }

  /** Wraps each attempt: one process sends the request, the others wait for its token. */
  wrap(source: TokenSource): TokenSource {
    const getSharedToken = async (request: TokenRequest): Promise<Token> => {
      const entry = request.attempt === 1 ? this.#entry : await this.#entries.find(request.signal);
      if (entry === undefined) {
        await this.#takeAllowance(request);
        return await source.getToken(request);
      }
      if (request.reason === "forced") return await this.#request(source, request, entry);
      return await this.#fromStoreOrRequest(source, request, entry);
    };
    return { getToken: getSharedToken };
  }

  async #fromStoreOrRequest(source: TokenSource, request: TokenRequest, entry: Entry): Promise<Token> {
    const { clock, store, maxLockWait } = this.#options;
    const until = clock.now() + maxLockWait;
    const watcher = new StoreWatcher(store, entry.key);
    try {
      for (;;) {
        const locked = await this.#entries.tryStore(request, () =>
          store.withLock(entry.key, (lease) => this.#underLock(source, request, entry, lease)),
        );
        if (locked?.acquired === true) return locked.value;
        if (locked !== undefined) debugStore(this.#options.server, "locked by another process");
        // Without the store, there is no other process to wait for. While the store works, a request after a refusal
        // always waits for the lock: without it, processes together would exceed the limits, and its call already has a
        // response.
        if (locked === undefined || (clock.now() >= until && request.refused === undefined)) break;
        const stored = await this.#entries.lookUp(entry, request);
        // The process with the lock is renewing this token. The caller does not have to wait for that.
        if (stored.usable !== undefined && (stored.isFresh || callerIsWaiting(request))) return stored.usable;
        await watcher.next(clock, request.signal);
        // Reads the token before it tries to get the lock, which only one of the waiting processes gets.
        const fresh = await this.#fresh(entry, request);
        if (fresh !== undefined) return fresh;
      }
    } finally {
      watcher.end();
    }
    return await this.#request(source, request, entry);
  }

  async #underLock(source: TokenSource, request: TokenRequest, entry: Entry, lease: Lease): Promise<Token> {
    const { usable, isFresh } = await this.#entries.lookUp(entry, request);
    if (usable !== undefined && isFresh) return usable;
    try {
      return await this.#request(source, request, entry, lease);
    } catch (error) {
      if (usable !== undefined && callerIsWaiting(request) && !request.signal.aborted) return usable;
      throw error;
    }
  }

  async #fresh(entry: Entry, request: TokenRequest): Promise<Token | undefined> {
    const { usable, isFresh } = await this.#entries.lookUp(entry, request);
    return isFresh ? usable : undefined;
  }

  async #request(source: TokenSource, request: TokenRequest, entry: Entry, lease?: Lease): Promise<Token> {
    await this.#takeAllowance(request, entry, lease);
    const token = await source.getToken({ ...request, recorder: entry.recorder });
    if (!token.isProvisional) await this.#entries.keep(entry, token, request, lease);
    return token;
  }

  /** Applies the limits on requests after refusals, which processes share. Rejects with `ReplacementWithheld`. */
  async #takeAllowance(request: TokenRequest, entry?: Entry, lease?: Lease): Promise<void> {
    const { refused, attempt } = request;
    if (refused === undefined || attempt > 1) return;
    let limits: RequestLimits | undefined;
    let isTaken = false;
    const take = (stored: RequestLimits | undefined): RequestLimits | undefined => {
      isTaken = true;
      limits = refused.takeAllowance(stored);
      return limits;
    };
    if (entry !== undefined && lease !== undefined) {
      await this.#entries.tryStore(request, () => this.#limits.change(entry.key, lease, take));
    }
    // Without the store or the lock, the limits of this process apply.
    if (!isTaken) take(undefined);
    if (limits === undefined) throw new ReplacementWithheld();
  }
}

/**
 * Whether a caller without a token waits. A token that must be renewed soon is better for it than a failure or a wait.
 */
function callerIsWaiting({ reason }: TokenRequest): boolean {
  return reason === "demand" || reason === "rejected";
}
