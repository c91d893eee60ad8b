import { ignoreFailureInBackground } from "../errors/expected-errors.js";
import { type Clock, systemClock } from "../lib/clock.js";
import { settledWithin } from "../lib/wait.js";
import { CircuitBreaker, type OperationKind, type OperationOptions } from "./circuit-breaker.js";
import { Encryption, type EncryptionKeys } from "./encryption.js";
import { type StoreFailure, type StoreKind, storeUnavailable } from "./failure.js";
import type { Lease, Locked, SetOptions, TokenStore } from "./store.js";
import { isLaterFormat } from "./stored-value.js";

export type ReadResult =
  | { readonly kind: "absent" }
  /** There is a value, but in a format of a later version of this package. */
  | { readonly kind: "later" }
  /** There is a value, but it cannot be decrypted. `raw`: the value as the store has it. */
  | { readonly kind: "unreadable"; readonly raw: string }
  /** `expiresIn`: milliseconds, by the clock of the store. */
  | { readonly kind: "value"; readonly text: string; readonly expiresIn?: number };

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
  /** `custom` by default. */
  readonly kind?: StoreKind | undefined;
}

export interface WriteOptions extends SetOptions, OperationOptions {}

/**
 * How long a caller that has its result waits for the store to finish, in milliseconds. After that, the store finishes
 * in the background.
 */
const briefWait = 500;
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
  readonly #encryption: Encryption | undefined;
  readonly #clock: Clock;
  readonly #breaker: CircuitBreaker;
  readonly #load: (() => Promise<unknown>) | undefined;
  readonly #closing = new AbortController();
  /** Background work: only `close` waits for it. */
  readonly #background = new Set<Promise<unknown>>();
  /** Work that must not be lost, with the reason why it is not written yet. `close` waits longer for it. */
  readonly #mustFinish = new Map<Promise<unknown>, () => StoreFailure | undefined>();

  constructor({ store, keys, lease, clock = systemClock, load, place, kind = "custom" }: SharedStoreOptions) {
    this.#load = load;
    this.lease = lease;
    this.lockPollInterval = lease / 10;
    this.#store = store;
    this.#clock = clock;
    this.#encryption = keys === false ? undefined : new Encryption(keys, clock);
    this.#breaker = new CircuitBreaker(clock, () => ({ place: place?.(), kind }));
  }

  /** Returns `true` to the first caller after the start of an outage, so that it is reported once. */
  takeOutageNotice(): boolean {
    return this.#breaker.takeOutageNotice();
  }

  /** Why the store cannot be used at the moment; `undefined` if it can, or if the reason is not known. */
  get failure(): StoreFailure | undefined {
    for (const reason of this.#mustFinish.values()) {
      const failure = reason();
      if (failure !== undefined) return failure;
    }
    return this.#breaker.failureOf("write");
  }

  /** Whether nothing is known to fail. Also `false` if the reason is not known. */
  get isUsable(): boolean {
    return this.failure === undefined && !this.#breaker.hasOutage;
  }

  /** Aborted just before the store is closed. Work that waits to try again must then try for the last time. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Rejects with `secret_unavailable` or `key_invalid` if the encryption key cannot be read. */
  async assertKeys(): Promise<void> {
    await this.#encryption?.assertKeys();
  }

  async read(key: string, options?: OperationOptions): Promise<ReadResult> {
    // A caller that finds nothing requests a token and writes it. A missing key must be reported before that request.
    await this.assertKeys();
    const stored = await this.#run("read", () => this.#store.get(key), options);
    if (stored === undefined) return { kind: "absent" };
    const { value: raw, expiresIn } = stored;
    const text = this.#encryption === undefined ? raw : await this.#encryption.decrypt(key, raw);
    if (text === undefined) return isLaterFormat(raw) ? { kind: "later" } : { kind: "unreadable", raw };
    return { kind: "value", text, ...(expiresIn !== undefined && { expiresIn }) };
  }

  /** Resolves with `false` if a process with a later lease holds the lock now. */
  async write(key: string, text: string, { bypass, ...options }: WriteOptions = {}): Promise<boolean> {
    const value = this.#encryption === undefined ? text : await this.#encryption.encrypt(key, text);
    return await this.#run("write", () => this.#store.set(key, value, options), { bypass });
  }

  async delete(key: string): Promise<void> {
    await this.#run("write", () => this.#store.delete(key));
  }

  /** Moves a value that cannot be decrypted out of the way, or deletes it if the store has no place for it. */
  async quarantine(key: string, raw: string): Promise<void> {
    await this.#run("write", async () => {
      if (this.#store.quarantine === undefined) await this.#store.compareAndDelete(key, raw);
      else await this.#store.quarantine(key, raw);
    });
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
      // The caller gets its result when the lock is released, but does not wait long for that.
      const finish = (settle: () => void): void => {
        hasWorked = true;
        void settledWithin(locked, briefWait, this.#clock).then(settle);
      };
      const lock = async (begun: () => boolean): Promise<Locked<void>> =>
        await this.#store.withLock(key, this.lease - 2 * this.lockPollInterval, async (lease) => {
          // The store took too long, so the caller continues without it.
          if (!begun()) throw storeUnavailable();
          await work(lease).then(
            (value) => finish(() => resolve({ acquired: true, value })),
            (error: unknown) => finish(() => reject(error)),
          );
        });
      const locked = this.#run("write", lock, options);
      const settled = locked.then(
        () => hasWorked || resolve({ acquired: false }),
        (error: unknown) => {
          if (hasWorked) throw error;
          reject(error);
        },
      );
      this.background(settled);
    });
  }

  /** Registers background work. Nobody gets its failure. `close` waits for it, but not for long. */
  background(work: Promise<unknown>): void {
    this.#background.add(work);
    const unregister = (): void => void this.#background.delete(work);
    work.catch(ignoreFailureInBackground).finally(unregister);
  }

  /**
   * Registers background work that must not be lost. `close` waits longer for it.
   *
   * @param reason returns why it is not written yet, if that is known
   */
  mustFinish(work: Promise<unknown>, reason: () => StoreFailure | undefined): void {
    this.#mustFinish.set(work, reason);
    const unregister = (): void => void this.#mustFinish.delete(work);
    work.then(unregister, unregister);
    this.background(work);
  }

  /** Registers background work, and also waits a moment for it. */
  async waitBriefly(work: Promise<unknown>): Promise<void> {
    this.background(work);
    await settledWithin(work, briefWait, this.#clock);
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
    if (this.#mustFinish.size > 0)
      await settledWithin(Promise.allSettled(this.#mustFinish.keys()), grace, this.#clock);
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
