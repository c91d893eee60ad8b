import { type Clock, systemClock } from "../lib/clock.js";
import { settledWithin } from "../lib/wait.js";
import { CircuitBreaker, type OperationKind, type OperationOptions } from "./circuit-breaker.js";
import { type StoreFailure, storeUnavailable } from "./failure.js";
import { type EncryptionKeys, Seal } from "./seal.js";
import type { Lease, Locked, SetOptions, TokenStore } from "./store.js";

/** The result of reading an entry. */
export type Found =
  | { readonly kind: "absent" }
  /** There is a value, but it cannot be decrypted. */
  | { readonly kind: "unreadable"; readonly raw: string }
  | Readable;

export interface Readable {
  readonly kind: "value";
  readonly text: string;
  /** The encrypted value, as the store has it. */
  readonly raw: string;
  /** Milliseconds, by the clock of the store. */
  readonly expiresIn?: number;
}

export interface SharedStoreOptions {
  readonly store: TokenStore;
  /** The keys; `false` if values are not encrypted, because the store protects them itself. */
  readonly keys: EncryptionKeys | false;
  /** Milliseconds after which the lock of a process that died is taken over. */
  readonly lease: number;
  readonly clock?: Clock;
  /**
   * Loads the library of the store. It is awaited before the time of an operation begins, because many processes that
   * start at once load it slowly.
   */
  readonly load?: (() => Promise<unknown>) | undefined;
  /** Returns where the store is, for messages. */
  readonly place?: (() => string | undefined) | undefined;
  /** Whether it is Redis, whose errors have their code in the text. */
  readonly isRedis?: boolean | undefined;
}

export interface WriteOptions extends SetOptions, OperationOptions {}

/**
 * How long a caller that has its result waits for the store to finish, in milliseconds. After that, the store finishes
 * in the background.
 */
const handoverLimit = 500;
/** How long `close` waits for background work, and then for the store itself, in milliseconds. */
const closingLimit = 1_000;

/**
 * A store as the rest of the package uses it: values are encrypted, and a circuit breaker handles outages. All methods
 * reject with `store_unavailable`, or with `secret_unavailable`, `key_invalid` or `config_invalid` if a setting is
 * missing or wrong.
 */
export class SharedStore {
  /** Milliseconds. */
  readonly lease: number;
  /**
   * Milliseconds between two tries to get a lock. Short enough that a process takes over the lock of a dead one within
   * the lease.
   */
  readonly lockPollInterval: number;
  readonly #store: TokenStore;
  readonly #seal: Seal | undefined;
  readonly #clock: Clock;
  readonly #breaker: CircuitBreaker;
  readonly #load: (() => Promise<unknown>) | undefined;
  readonly #closing = new AbortController();
  /** Background work: only `close` waits for it. */
  readonly #background = new Set<Promise<unknown>>();
  /** Work that must not be lost, with the reason why it is not written yet. `close` waits longer for it. */
  readonly #vital = new Map<Promise<unknown>, () => StoreFailure | undefined>();

  constructor({ store, keys, lease, clock = systemClock, load, place, isRedis = false }: SharedStoreOptions) {
    this.#load = load;
    this.lease = lease;
    this.lockPollInterval = lease / 10;
    this.#store = store;
    this.#clock = clock;
    this.#seal = keys === false ? undefined : new Seal(keys, clock);
    this.#breaker = new CircuitBreaker(clock, () => ({ place: place?.(), isRedis }));
  }

  /** Returns `true` to the first caller after the start of an outage, so that it is reported once. */
  takeOutageNotice(): boolean {
    return this.#breaker.takeOutageNotice();
  }

  /** Why the store cannot be used at the moment; `undefined` if it can, or if the reason is not known. */
  get failure(): StoreFailure | undefined {
    for (const reason of this.#vital.values()) {
      const failure = reason();
      if (failure !== undefined) return failure;
    }
    return this.#breaker.failureOf("write");
  }

  /** Aborted just before the store is closed. Work that waits to try again must then try for the last time. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Rejects with `secret_unavailable` or `key_invalid` if the encryption key cannot be read. */
  async assertKeys(): Promise<void> {
    await this.#seal?.assertKeys();
  }

  async read(key: string, options?: OperationOptions): Promise<Found> {
    // A caller that finds nothing requests a token and writes it. A missing key must be reported before that request.
    await this.assertKeys();
    const stored = await this.#run("read", () => this.#store.get(key), options);
    if (stored === undefined) return { kind: "absent" };
    const { value: raw, expiresIn } = stored;
    const text = this.#seal === undefined ? raw : await this.#seal.open(key, raw);
    if (text === undefined) return { kind: "unreadable", raw };
    return { kind: "value", text, raw, ...(expiresIn !== undefined && { expiresIn }) };
  }

  /** Resolves with `false` if a process with a later lease holds the lock now. */
  async write(key: string, text: string, { bypass, ...options }: WriteOptions = {}): Promise<boolean> {
    const value = this.#seal === undefined ? text : await this.#seal.close(key, text);
    return await this.#run("write", () => this.#store.set(key, value, options), { bypass });
  }

  async delete(key: string): Promise<void> {
    await this.#run("write", () => this.#store.delete(key));
  }

  /** Deletes an entry if it still has the encrypted value that was read. */
  async deleteIfStill(key: string, raw: string): Promise<void> {
    await this.#run("write", () => this.#store.compareAndDelete(key, raw));
  }

  /** Moves a value that cannot be decrypted out of the way. */
  async quarantine(key: string, raw: string): Promise<void> {
    const { quarantine } = this.#store;
    if (quarantine === undefined) await this.deleteIfStill(key, raw);
    else await this.#run("write", () => quarantine.call(this.#store, key, raw));
  }

  /**
   * Tries once to get the lock of a key and runs `work` under it. Rejects with the error of `work`. The lock lasts a
   * little less than the lease, so that a waiting process has taken over the lock of a dead one when the lease ends.
   *
   * The result of `work` is returned even if the lock cannot be released: the lock expires then.
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
        await this.#store.withLock(key, this.lease - 2 * this.lockPollInterval, async (lease) => {
          // The store took too long, so the caller continues without it.
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

  /** Registers background work. `close` waits for it, but not for long. */
  background(work: Promise<unknown>): void {
    this.#background.add(work);
    const unregister = (): void => void this.#background.delete(work);
    work.then(unregister, unregister);
  }

  /**
   * Registers background work that must not be lost. `close` waits longer for it.
   *
   * @param reason returns why it is not written yet, if that is known
   */
  vital(work: Promise<unknown>, reason: () => StoreFailure | undefined): void {
    this.#vital.set(work, reason);
    const unregister = (): void => void this.#vital.delete(work);
    work.then(unregister, unregister);
    this.background(work);
  }

  /** Registers background work, and also waits a moment for it. */
  async waitBriefly(work: Promise<unknown>): Promise<void> {
    this.background(work);
    await settledWithin(work, handoverLimit, this.#clock);
  }

  onChange(key: string, listener: () => void): () => void {
    // Listening would open one more connection to a store that does not answer.
    if (this.#breaker.isOpen("read")) return () => {};
    try {
      return this.#store.onChange(key, listener);
    } catch {
      // A store of the user may throw anything. Callers poll too.
      return () => {};
    }
  }

  async keys(prefix: string): Promise<readonly string[]> {
    return await this.#run("read", () => this.#store.keys(prefix));
  }

  /**
   * Closes the store. Never rejects.
   *
   * @param grace milliseconds in which work that must not be lost can finish before its last try
   */
  async close(grace = 0): Promise<void> {
    if (this.#vital.size > 0) await settledWithin(Promise.allSettled(this.#vital.keys()), grace, this.#clock);
    this.#closing.abort();
    await settledWithin(Promise.allSettled(this.#background), closingLimit, this.#clock);
    // A function, so that a `close` of the user that throws is handled like one that rejects.
    const closeStore = async (): Promise<void> => await this.#store.close();
    await settledWithin(closeStore(), closingLimit, this.#clock);
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
