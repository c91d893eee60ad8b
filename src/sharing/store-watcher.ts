import type { Clock } from "../lib/clock.js";
import { pause } from "../lib/wait.js";
import type { SharedStore } from "../stores/shared-store.js";

/**
 * Milliseconds between two lookups if the store sends no notice: at first, and at most. The interval doubles each time.
 */
const firstInterval = 50;
const longestInterval = 1_000;

/**
 * Waits for a change of an entry, by notices of the store and by timer. It begins to listen when it first waits,
 * because listening may take a connection and most callers never wait.
 */
export class StoreWatcher {
  readonly #listen: () => () => void;
  readonly #longest: number;
  #stopListening: (() => void) | undefined;
  #interval = firstInterval;
  #hasChanged = false;
  #wake: () => void = () => {};

  constructor(store: SharedStore, key: string) {
    this.#longest = Math.min(longestInterval, store.lockPollInterval);
    const onNotice = (): void => {
      this.#hasChanged = true;
      this.#wake();
    };
    this.#listen = () => store.onChange(key, onNotice);
  }

  /** Stops listening. */
  end(): void {
    this.#stopListening?.();
  }

  /**
   * Resolves when there was a change since the last call, when it is time for another lookup, after `atMost`
   * milliseconds, or when the signal is aborted.
   */
  async next(clock: Clock, signal: AbortSignal, atMost = Number.POSITIVE_INFINITY): Promise<void> {
    this.#stopListening ??= this.#listen();
    if (!this.#hasChanged) {
      const changed = new AbortController();
      this.#wake = () => changed.abort();
      const either = AbortSignal.any([signal, changed.signal]);
      await pause(Math.min(this.#interval, this.#longest, atMost), { clock, signal: either, unref: true });
      this.#interval *= 2;
    }
    this.#hasChanged = false;
  }
}
