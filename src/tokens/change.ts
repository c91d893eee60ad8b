import type { Clock } from "../lib/clock.js";
import { pause } from "../lib/pause.js";
import type { SharedStore } from "../stores/shared-store.js";

/** Milliseconds between two looks of whoever is told of nothing: at first, and twice as many each time, at the most. */
const firstLook = 50;
const longestLook = 1_000;

/** Tells whether an entry may have changed since the last time somebody asked, by notices and by looking now and then. */
export class Change {
  readonly end: () => void;
  readonly #longest: number;
  #next = firstLook;
  #heard = false;
  #wake: () => void = () => {};

  constructor(store: SharedStore, key: string) {
    this.#longest = Math.min(longestLook, store.noticed);
    this.end = store.onChange(key, () => {
      this.#heard = true;
      this.#wake();
    });
  }

  /**
   * Resolves after a change that has not been seen yet, when it is time for another look, `atMost` milliseconds from now, or
   * when the signal is aborted.
   */
  async next(clock: Clock, signal: AbortSignal, atMost = Number.POSITIVE_INFINITY): Promise<void> {
    if (!this.#heard) {
      const changed = new AbortController();
      this.#wake = () => changed.abort();
      const either = AbortSignal.any([signal, changed.signal]);
      await pause(Math.min(this.#next, this.#longest, atMost), { clock, signal: either, unattended: true });
      this.#next *= 2;
    }
    this.#heard = false;
  }
}
