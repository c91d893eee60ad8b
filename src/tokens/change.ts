import type { Clock } from "../lib/clock.js";
import { pause } from "../lib/pause.js";
import type { SharedStore } from "../stores/shared-store.js";

/** Tells whether an entry has changed since the last time somebody asked. */
export class Change {
  #heard = false;
  #wake: () => void = () => {};
  readonly end: () => void;

  constructor(store: SharedStore, key: string) {
    this.end = store.onChange(key, () => {
      this.#heard = true;
      this.#wake();
    });
  }

  /** Waits for a change that has not been seen yet, so many milliseconds, or until the signal is aborted. */
  async within(milliseconds: number, clock: Clock, signal: AbortSignal): Promise<void> {
    if (!this.#heard) {
      const changed = new AbortController();
      this.#wake = () => changed.abort();
      const either = AbortSignal.any([signal, changed.signal]);
      await pause(milliseconds, { clock, signal: either, unattended: true });
    }
    this.#heard = false;
  }
}
