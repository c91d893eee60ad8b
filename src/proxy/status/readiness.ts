import type { Clock } from "../../lib/clock.js";
import type { History } from "./history.js";

/** Milliseconds between an event and the look at all servers that follows it, so that many events cost one look. */
const delay = 1_000;
/** A look at all servers may take this part of the time of a processor. */
const busyPart = 0.02;
const longestPause = 30_000;
/** A look at so few servers may be repeated at any time, also if the machine is busy and it takes long. */
const fewServers = 500;

/**
 * Returns a function that returns the result of the latest `look` until another one is due. A look that takes long is
 * rare, however often somebody asks: probes come from other machines, and need no token.
 */
export function rarely<T>(look: () => T, servers: () => number, now: () => number): () => T {
  let latest: { readonly result: T; readonly at: number; readonly pause: number } | undefined;
  return () => {
    const at = now();
    // After the clock was set back, the latest look lies in the future.
    if (latest !== undefined && Math.abs(at - latest.at) < latest.pause) return latest.result;
    const result = look();
    const took = Math.max(now() - at, 0);
    latest = { result, at, pause: servers() > fewServers ? Math.min(took / busyPart, longestPause) : 0 };
    return result;
  };
}

/** Whether the proxy is ready, and since when. Also notes when the store can be used again. */
export class ReadinessLog {
  readonly #clock: Clock;
  readonly #history: History;
  readonly #isReady: () => boolean;
  readonly #store: () => { readonly failure?: string } | undefined;
  #ready = false;
  #since: number;
  #timer: ReturnType<Clock["setTimeout"]> | undefined;
  #stopped = false;

  /** @param isReady must be cheap, as with `rarely` */
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
    this.#timer = this.#clock.setTimeout(() => {
      this.#timer = undefined;
      this.look();
    }, delay);
    this.#timer.unref();
  }
}
