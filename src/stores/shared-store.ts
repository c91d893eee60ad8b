import { type Clock, systemClock } from "../lib/clock.js";
import { settledWithin } from "../lib/wait.js";
import { CircuitBreaker, type OperationKind, type OperationOptions } from "./circuit-breaker.js";
import { type StoreFailure, storeUnavailable } from "./failure.js";
import { type EncryptionKeys, Seal } from "./seal.js";
import type { Lease, Locked, SetOptions, TokenStore } from "./store.js";

/** What was found under a key. */
export type Found =
  | { readonly kind: "absent" }
  /** It is there and does not open. */
  | { readonly kind: "unreadable"; readonly raw: string }
  | Readable;

export interface Readable {
  readonly kind: "value";
  readonly text: string;
  /** As the store has it. */
  readonly raw: string;
  /** Milliseconds, by the store's clock. */
  readonly expiresIn?: number;
}

export interface SharedStoreOptions {
  readonly store: TokenStore;
  /** `false`: the store's own values are safe already. */
  readonly keys: EncryptionKeys | false;
  /** Milliseconds after which the lock of a process that died is taken over. */
  readonly lease: number;
  readonly clock?: Clock;
  /** Awaited before anything is measured: fifty processes that load a library at once take their time. */
  readonly load?: (() => Promise<unknown>) | undefined;
  /** Where the store is, for messages. */
  readonly place?: (() => string | undefined) | undefined;
  /** Whether it is Redis, whose replies say in words why they refuse. */
  readonly isRedis?: boolean | undefined;
}

export interface WriteOptions extends SetOptions, OperationOptions {}

// Milliseconds that whoever has what was wanted waits for the store to be done with it: after that it ends by itself.
const handoverLimit = 500;
/** Milliseconds that closing waits for what is under way, and for the store itself. */
const closingLimit = 1_000;

/**
 * A store as the rest of the package uses it: sealed, and guarded against outages. Everything rejects with
 * `store_unavailable`, or with `secret_unavailable`, `key_invalid` or `config_invalid` where a setting is missing or wrong.
 */
export class SharedStore {
  /** Milliseconds. */
  readonly lease: number;
  /** Milliseconds within which whoever waits for a lock has to look again, to overtake one who died within the lease. */
  readonly noticed: number;
  readonly #store: TokenStore;
  readonly #seal: Seal | undefined;
  readonly #clock: Clock;
  readonly #breaker: CircuitBreaker;
  readonly #load: (() => Promise<unknown>) | undefined;
  readonly #closing = new AbortController();
  /** What only whoever closes waits for. */
  readonly #background = new Set<Promise<unknown>>();
  /** What must not be lost, and why it was not written yet. `close` waits longer for it. */
  readonly #vital = new Map<Promise<unknown>, () => StoreFailure | undefined>();

  constructor({ store, keys, lease, clock = systemClock, load, place, isRedis = false }: SharedStoreOptions) {
    this.#load = load;
    this.lease = lease;
    this.noticed = lease / 10;
    this.#store = store;
    this.#clock = clock;
    this.#seal = keys === false ? undefined : new Seal(keys, clock);
    this.#breaker = new CircuitBreaker(clock, () => ({ place: place?.(), isRedis }));
  }

  /** True once an outage, for whoever is the first to say so. */
  takeOutageNotice(): boolean {
    return this.#breaker.takeOutageNotice();
  }

  /** Why the store cannot be written or read at the moment; `undefined` when it can, and when nothing is known of it. */
  get failure(): StoreFailure | undefined {
    for (const reason of this.#vital.values()) {
      const failure = reason();
      if (failure !== undefined) return failure;
    }
    return this.#breaker.failureOf("write");
  }

  /** Aborted when the store is about to be closed: what is still to be done is to be done now. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Rejects with `secret_unavailable` or `key_invalid` where there is nothing to seal with. */
  async assertKeys(): Promise<void> {
    await this.#seal?.assertKeys();
  }

  async read(key: string, options?: OperationOptions): Promise<Found> {
    // Whoever finds nothing will want to write: that a key is missing is not to be said after a token was got for nothing.
    await this.assertKeys();
    const stored = await this.#run("read", () => this.#store.get(key), options);
    if (stored === undefined) return { kind: "absent" };
    const { value: raw, expiresIn } = stored;
    const text = this.#seal === undefined ? raw : await this.#seal.open(key, raw);
    if (text === undefined) return { kind: "unreadable", raw };
    return { kind: "value", text, raw, ...(expiresIn !== undefined && { expiresIn }) };
  }

  /** `false` when somebody with a later lease has it now. */
  async write(key: string, text: string, { bypass, ...options }: WriteOptions = {}): Promise<boolean> {
    const value = this.#seal === undefined ? text : await this.#seal.close(key, text);
    return await this.#run("write", () => this.#store.set(key, value, options), { bypass });
  }

  async delete(key: string): Promise<void> {
    await this.#run("write", () => this.#store.delete(key));
  }

  /** Deletes what was read, if it is still that. */
  async deleteIfStill(key: string, raw: string): Promise<void> {
    await this.#run("write", () => this.#store.compareAndDelete(key, raw));
  }

  /** Puts what does not open out of the way. */
  async quarantine(key: string, raw: string): Promise<void> {
    const { quarantine } = this.#store;
    if (quarantine === undefined) await this.deleteIfStill(key, raw);
    else await this.#run("write", () => quarantine.call(this.#store, key, raw));
  }

  /**
   * Tries once to be the only one at this key; rejects with whatever `work` rejects with. Its lock lasts a little less than
   * the lease, so that whoever waits for that of a process that died has overtaken it when the lease is over.
   *
   * What `work` has brought is handed over also where the lock cannot be given back: that ends by itself.
   */
  withLock<T>(
    key: string,
    work: (lease: Lease) => Promise<T>,
    options: OperationOptions = {},
  ): Promise<Locked<T>> {
    return new Promise((resolve, reject) => {
      let hasWorked = false;
      const waitBriefly = (settle: () => void): void => {
        hasWorked = true;
        void settledWithin(locked, handoverLimit, this.#clock).then(settle);
      };
      const lock = async (begun: () => boolean): Promise<Locked<void>> =>
        await this.#store.withLock(key, this.lease - 2 * this.noticed, async (lease) => {
          // The store took too long: whoever asked has gone on without it.
          if (!begun()) throw storeUnavailable();
          await work(lease).then(
            (value) => waitBriefly(() => resolve({ acquired: true, value })),
            (error: unknown) => waitBriefly(() => reject(error)),
          );
        });
      const locked = this.#run("write", lock, options);
      this.background(locked);
      locked.then(
        () => hasWorked || resolve({ acquired: false }),
        (error: unknown) => hasWorked || reject(error),
      );
    });
  }

  /** Whoever closes the store waits for this, for a moment. */
  background(work: Promise<unknown>): void {
    this.#background.add(work);
    const end = (): void => void this.#background.delete(work);
    work.then(end, end);
  }

  /** The same for what must not be lost, as long as there is time. `reason` tells why it was not written yet, if that is known. */
  vital(work: Promise<unknown>, reason: () => StoreFailure | undefined): void {
    this.#vital.set(work, reason);
    const end = (): void => void this.#vital.delete(work);
    work.then(end, end);
    this.background(work);
  }

  /** The same, for what has to be written or deleted; whoever calls waits for it no longer than a moment. */
  async waitBriefly(work: Promise<unknown>): Promise<void> {
    this.background(work);
    await settledWithin(work, handoverLimit, this.#clock);
  }

  onChange(key: string, listener: () => void): () => void {
    // It would be one more connection to a store that does not answer.
    if (this.#breaker.isOpen("read")) return () => {};
    try {
      return this.#store.onChange(key, listener);
    } catch {
      // Whoever waits looks by itself too.
      return () => {};
    }
  }

  async keys(prefix: string): Promise<readonly string[]> {
    return await this.#run("read", () => this.#store.keys(prefix));
  }

  /** Never rejects. What must not be lost has `grace` milliseconds to be written, and then is tried once more. */
  async close(grace = 0): Promise<void> {
    if (this.#vital.size > 0) await settledWithin(Promise.allSettled(this.#vital.keys()), grace, this.#clock);
    this.#closing.abort();
    await settledWithin(Promise.allSettled(this.#background), closingLimit, this.#clock);
    const closed = async (): Promise<void> => await this.#store.close();
    await settledWithin(closed(), closingLimit, this.#clock);
  }

  async #run<T>(
    kind: OperationKind,
    operation: (begun: () => boolean) => Promise<T>,
    options?: OperationOptions,
  ): Promise<T> {
    await this.#load?.();
    return await this.#breaker.run(kind, operation, options);
  }
}
