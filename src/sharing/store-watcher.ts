import type { Clock } from "../lib/clock.js";
import { pause } from "../lib/wait.js";
import type { SharedStore } from "../stores/shared-store.js";

/** Milliseconds between two looks of whoever is told of nothing: at first, and twice as many each time, at the most. */
const firstInterval = 50;
const longestInterval = 1_000;

/**
 * Tells whether an entry may have changed since the last time somebody asked, by notices and by looking now and then. Most
 * never wait: only who does listens, which may take a connection.
 */
export class StoreWatcher {
  readonly #listen: () => () => void;
  readonly #longest: number;
  #stopListening: (() => void) | undefined;
  #next = firstInterval;
  #heard = false;
  #wake: () => void = () => {};

  constructor(store: SharedStore, key: string) {
    this.#longest = Math.min(longestInterval, store.noticed);
    const hear = (): void => {
      this.#heard = true;
      this.#wake();
    };
    this.#listen = () => store.onChange(key, hear);
  }

  end(): void {
    this.#stopListening?.();
  }

  /**
   * Resolves after a change that has not been seen yet, when it is time for another look, `atMost` milliseconds from now, or
   * when the signal is aborted.
   */
  async next(clock: Clock, signal: AbortSignal, atMost = Number.POSITIVE_INFINITY): Promise<void> {
    this.#stopListening ??= this.#listen();
    if (!this.#heard) {
      const changed = new AbortController();
      this.#wake = () => changed.abort();
      const either = AbortSignal.any([signal, changed.signal]);
      await pause(Math.min(this.#next, this.#longest, atMost), { clock, signal: either, unref: true });
      this.#next *= 2;
    }
    this.#heard = false;
  }
}
