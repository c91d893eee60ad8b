import { type Clock, systemClock } from "../lib/clock.js";
import { Guard, storeUnavailable, WorkFailed } from "./guard.js";
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
}

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
  readonly #guard: Guard;
  readonly #load: (() => Promise<unknown>) | undefined;

  constructor({ store, keys, lease, clock = systemClock, load }: SharedStoreOptions) {
    this.#load = load;
    this.lease = lease;
    this.noticed = lease / 10;
    this.#store = store;
    this.#seal = keys === false ? undefined : new Seal(keys, clock);
    this.#guard = new Guard(clock);
  }

  /** True once an outage, for whoever is the first to say so. */
  takeNews(): boolean {
    return this.#guard.takeNews();
  }

  async read(key: string): Promise<Found> {
    // Whoever finds nothing will want to write: that a key is missing is not to be said after a token was got for nothing.
    await this.#seal?.assertKeys();
    const stored = await this.#run(() => this.#store.get(key));
    if (stored === undefined) return { kind: "absent" };
    const { value: raw, expiresIn } = stored;
    const text = this.#seal === undefined ? raw : await this.#seal.open(key, raw);
    if (text === undefined) return { kind: "unreadable", raw };
    return { kind: "value", text, raw, ...(expiresIn !== undefined && { expiresIn }) };
  }

  /** `false` when somebody with a later lease has it now. */
  async write(key: string, text: string, options: SetOptions = {}): Promise<boolean> {
    const value = this.#seal === undefined ? text : await this.#seal.close(key, text);
    return await this.#run(() => this.#store.set(key, value, options));
  }

  async delete(key: string): Promise<void> {
    await this.#run(() => this.#store.delete(key));
  }

  /** Deletes what was read, if it is still that. */
  async deleteIfStill(key: string, raw: string): Promise<void> {
    await this.#run(() => this.#store.compareAndDelete(key, raw));
  }

  /** Puts what does not open out of the way. */
  async setAside(key: string, raw: string): Promise<void> {
    const { setAside } = this.#store;
    if (setAside === undefined) await this.deleteIfStill(key, raw);
    else await this.#run(() => setAside.call(this.#store, key, raw));
  }

  /**
   * Tries once to be the only one at this key; rejects with whatever `work` rejects with. Its lock lasts a little less than
   * the lease, so that whoever waits for that of a process that died has overtaken it when the lease is over.
   */
  async withLock<T>(key: string, work: (lease: Lease) => Promise<T>): Promise<Locked<T>> {
    return await this.#run(async (begun) => {
      let done: Locked<T> | undefined;
      try {
        return await this.#store.withLock(key, this.lease - 2 * this.noticed, async (lease) => {
          // The store took too long: whoever asked has gone on without it.
          if (!begun()) throw storeUnavailable();
          try {
            const value = await work(lease);
            done = { acquired: true, value };
            return value;
          } catch (error) {
            throw new WorkFailed(error);
          }
        });
      } catch (error) {
        // That a lock could not be given back does not undo what was done under it.
        if (done !== undefined) return done;
        throw error;
      }
    });
  }

  async #run<T>(operation: (begun: () => boolean) => Promise<T>): Promise<T> {
    await this.#load?.();
    return await this.#guard.run(operation);
  }

  onChange(key: string, listener: () => void): () => void {
    try {
      return this.#store.onChange(key, listener);
    } catch {
      // Whoever waits looks by itself too.
      return () => {};
    }
  }

  async keys(prefix: string): Promise<readonly string[]> {
    return await this.#run(() => this.#store.keys(prefix));
  }

  /** Never rejects. */
  async close(): Promise<void> {
    try {
      await this.#store.close();
    } catch {
      // Whatever is left of it, nobody uses it any more.
    }
  }
}
