/** The most characters of a value: a response of 1 MiB, encoded twice in base64. A longer value cannot be read. */
export const longestValue = 4_194_304;

/** What a store has under a key. */
export interface StoredValue {
  readonly value: string;
  /** Milliseconds until it is gone, by the store's own clock; absent for what stays until it is deleted. */
  readonly expiresIn?: number;
}

export interface SetOptions {
  /** Milliseconds until it is gone; without it the entry stays until it is deleted. */
  readonly expiresIn?: number | undefined;
  /** That of the lease under which the value was made: nothing is written once a later one was given out. */
  readonly fence?: number | undefined;
}

/** What `withLock` gives to the one that has the lock. */
export interface Lease {
  /** Greater than that of every lease of the same key before it: who was overtaken writes nothing. */
  readonly fence: number;
  /** Aborted when the lease is lost: somebody else may have it now. */
  readonly signal: AbortSignal;
}

export type Locked<T> = { readonly acquired: true; readonly value: T } | { readonly acquired: false };

/**
 * Keeps tokens beyond one process, so that many behave like one client. All values are sealed before they get here,
 * and keys are hashes: a store sees neither a token nor whose it is.
 *
 * Every method is safe to call any number of times at once, from any number of processes, and rejects with any error
 * when the store cannot be reached; nothing of that error is shown to anybody. What a process has written is whole or
 * not there, also when it is killed. `storeContract` of `mcp-auth-runtime/testing` tests all this.
 *
 * @example
 * ```ts
 * const auth = await createMcpAuth({ store: Object.assign(myStore, { encryptionKeys: false as const }) });
 * ```
 */
export interface TokenStore {
  /** `undefined` for what is not there, or has expired. */
  get(key: string): Promise<StoredValue | undefined>;
  /** `false` when a later lease than `fence` was given out for this key: nothing was written. Durable before it resolves. */
  set(key: string, value: string, options?: SetOptions): Promise<boolean>;
  delete(key: string): Promise<void>;
  /** Deletes only what is still this value; tells whether it was. */
  compareAndDelete(key: string, value: string): Promise<boolean>;
  /**
   * Tries once, without waiting, to be the only one at this key; then runs `run` and releases. A holder that dies is
   * overtaken after `ttl` milliseconds at the latest; one that lives renews its lease by itself for as long as `run` takes.
   */
  withLock<T>(key: string, ttl: number, run: (lease: Lease) => Promise<T>): Promise<Locked<T>>;
  /**
   * Calls `listener` when the value of a key has changed or its lock was released, by whichever process. It may be called
   * without reason, and may miss something: whoever waits also looks by itself now and then. Gives the function that ends it.
   */
  onChange(key: string, listener: () => void): () => void;
  /** The keys that begin with `prefix` and hold a value. */
  keys(prefix: string): Promise<readonly string[]>;
  /** Keeps a value that cannot be read where a person may look at it, and deletes the entry. Without it, it is deleted. */
  quarantine?(key: string, value: string): Promise<void>;
  /** Ends connections and timers. What is asked later rejects. */
  close(): Promise<void>;
}
