/**
 * Length of the longest value, in characters: a response of 1 MiB, encoded twice in base64. Longer ones are not read.
 */
export const longestValue = 4_194_304;

/** A stored value. */
export interface StoredValue {
  readonly value: string;
  /** Milliseconds until the value expires, by the clock of the store; absent for a value that does not expire. */
  readonly expiresIn?: number;
}

export interface SetOptions {
  /** Milliseconds until the value expires; without it, the value stays until it is deleted. */
  readonly expiresIn?: number | undefined;
  /** The fence of the lease under which the value was obtained. If a later fence was given out, nothing is written. */
  readonly fence?: number | undefined;
}

/** The lock of a key, held by this process. `withLock` passes it to `run`. */
export interface Lease {
  /**
   * Greater than the fence of every earlier lease of the same key, so that a process that lost its lease cannot write.
   */
  readonly fence: number;
  /** Aborted when the lease is lost: another process may hold the lock now. */
  readonly signal: AbortSignal;
}

export type Locked<T> = { readonly acquired: true; readonly value: T } | { readonly acquired: false };

/**
 * Keeps tokens for several processes, so that together they behave like one client. All values are encrypted before
 * they get here, and keys are hashes: a store sees neither tokens nor names.
 *
 * Every method can be called any number of times at once, from any number of processes. It rejects with any error if
 * the store cannot be reached; nobody sees the text of that error. A value is either complete or absent, even if
 * a process is killed while it writes. `storeContract` of `mcp-auth-runtime/testing` tests all of this.
 *
 * @example
 * ```ts
 * const auth = await createMcpAuth({ store: Object.assign(myStore, { encryptionKeys: false as const }) });
 * ```
 */
export interface TokenStore {
  /** Reads a value. Resolves with `undefined` if there is none or it has expired. */
  get(key: string): Promise<StoredValue | undefined>;
  /**
   * Writes a value, which is durable when the promise resolves. Resolves with `false` and writes nothing if a later
   * lease than `fence` was given out for this key.
   */
  set(key: string, value: string, options?: SetOptions): Promise<boolean>;
  delete(key: string): Promise<void>;
  /** Deletes an entry if it still has this value, and resolves with whether it had. */
  compareAndDelete(key: string, value: string): Promise<boolean>;
  /**
   * Tries once to get the lock of a key, without waiting. If it gets the lock, it calls `run` and then releases the
   * lock. The lock of a process that died is free after `ttl` milliseconds at the latest; a live process renews it as
   * long as `run` takes.
   */
  withLock<T>(key: string, ttl: number, run: (lease: Lease) => Promise<T>): Promise<Locked<T>>;
  /**
   * Calls `listener` when any process has changed the value of a key or released its lock. It may call it without a
   * reason, and may miss a change, because callers also poll. Returns the function that removes the listener.
   */
  onChange(key: string, listener: () => void): () => void;
  /** Resolves with the keys that begin with `prefix` and have a value. */
  keys(prefix: string): Promise<readonly string[]>;
  /**
   * Moves a value that cannot be decrypted to where a person can look at it, and deletes the entry. Without this
   * method, the value is deleted.
   */
  quarantine?(key: string, value: string): Promise<void>;
  /** Ends connections and timers. Later calls reject. */
  close(): Promise<void>;
}
