import type { Clock } from "../../lib/clock.js";
import type { History } from "./history.js";

/** Milliseconds between an event and the look at all servers that follows it, so that many events cost one look. */
const delay = 1_000;
/** A look at all servers may take this part of the time of a processor. */
const busyPart = 0.02;
const longestPause = 30_000;

/** Whether the proxy is ready, and since when. Also notes when the store can be used again. */
export class ReadinessLog {
  readonly #clock: Clock;
  readonly #history: History;
  readonly #isReady: () => boolean;
  #ready = false;
  #since: number;
  #timer: ReturnType<Clock["setTimeout"]> | undefined;
  #stopped = false;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #took = 0;

  readonly #store: () => { readonly failure?: string } | undefined;

  constructor(
    isReady: () => boolean,
    store: () => { readonly failure?: string } | undefined,
    history: History,
    clock: Clock,
  ) {
    this.#isReady = isReady;
    this.#store = store;
    this.#history = history;
    this.#clock = clock;
    this.#since = clock.now();
    history.onChange(() => this.#plan());
  }

  /** Looks at the servers and the store, and notes a change. */
  look(): { readonly ready: boolean; readonly since: number } {
    this.#history.noteStore(this.#store()?.failure);
    const ready = this.#isReady();
    if (ready !== this.#ready) {
      this.#ready = ready;
      this.#since = this.#clock.now();
      this.#history.noteProxy({ kind: ready ? "ready" : "not-ready", at: this.#since });
    }
    return { ready, since: this.#since };
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #plan(): void {
    if (this.#timer !== undefined || this.#stopped) return;
    const now = this.#clock.now();
    // After the clock was set back, the previous look lies in the future.
    const pause = Math.min(Math.max(this.#lookedAt + this.#took / busyPart - now, delay), longestPause);
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.#lookedAt = this.#clock.now();
      this.look();
      this.#took = Math.max(this.#clock.now() - this.#lookedAt, 0);
    }, pause);
    this.#timer.unref();
  }
}
