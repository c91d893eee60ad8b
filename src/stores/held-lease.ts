import { setMaxListeners } from "node:events";
import type { Clock } from "../lib/clock.js";

interface HeldLeaseOptions {
  /** Milliseconds. */
  readonly ttl: number;
  readonly clock: Clock;
  /** `false` when somebody else has it, or nobody. */
  readonly renew: () => Promise<boolean>;
}

/** Renews a lease three times a `ttl`, and aborts its signal when it is lost or could not be renewed in time. */
export class HeldLease {
  readonly #options: HeldLeaseOptions;
  readonly #lost = new AbortController();
  #timer: { cancel(): void };
  #endsAt: number;
  #ended = false;

  constructor(options: HeldLeaseOptions) {
    this.#options = options;
    // Any number of requests may hang on it.
    setMaxListeners(0, this.#lost.signal);
    this.#endsAt = options.clock.now() + options.ttl;
    this.#timer = this.#next();
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  end(): void {
    this.#ended = true;
    this.#timer.cancel();
  }

  #next(): { cancel(): void } {
    const { clock, ttl } = this.#options;
    const timer = clock.setTimeout(() => void this.#beat(), ttl / 3);
    timer.unref();
    return timer;
  }

  async #beat(): Promise<void> {
    const { clock, ttl, renew } = this.#options;
    const begun = clock.now();
    // A store that cannot be reached says nothing of the lease: that ends by itself.
    const renewed = await renew().catch(() => undefined);
    if (this.#ended) return;
    if (renewed === true) this.#endsAt = begun + ttl;
    if (renewed === false || clock.now() >= this.#endsAt) this.#lost.abort();
    else this.#timer = this.#next();
  }
}
