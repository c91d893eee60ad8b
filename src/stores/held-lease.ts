import { allowManyListeners } from "../lib/abort-signal.js";
import type { Clock } from "../lib/clock.js";

interface HeldLeaseOptions {
  /** Milliseconds. */
  readonly ttl: number;
  readonly clock: Clock;
  /** Resolves with `false` if this process no longer holds the lease. */
  readonly renew: () => Promise<boolean>;
}

/** Renews a lease three times per `ttl`, and aborts its signal if the lease is lost or could not be renewed in time. */
export class HeldLease {
  readonly #options: HeldLeaseOptions;
  readonly #lost = new AbortController();
  #timer: { cancel(): void };
  #endsAt: number;
  #ended = false;

  constructor(options: HeldLeaseOptions) {
    this.#options = options;
    // Each request under the lease may listen to the signal.
    allowManyListeners(this.#lost.signal);
    this.#endsAt = options.clock.now() + options.ttl;
    this.#timer = this.#scheduleRenewal();
  }

  get signal(): AbortSignal {
    return this.#lost.signal;
  }

  end(): void {
    this.#ended = true;
    this.#timer.cancel();
  }

  #scheduleRenewal(): { cancel(): void } {
    const { clock, ttl } = this.#options;
    const timer = clock.setTimeout(() => void this.#renew(), ttl / 3);
    timer.unref();
    return timer;
  }

  async #renew(): Promise<void> {
    const { clock, ttl, renew } = this.#options;
    const startedAt = clock.now();
    // If the store cannot be reached, this process may still hold the lease, until the time of the lease is over.
    const renewed = await renew().catch(() => undefined);
    if (this.#ended) return;
    if (renewed === true) this.#endsAt = startedAt + ttl;
    if (renewed === false || clock.now() >= this.#endsAt) this.#lost.abort();
    else this.#timer = this.#scheduleRenewal();
  }
}
