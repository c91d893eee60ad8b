import { McpAuthError } from "../errors/error.js";
import { type Clock, systemClock } from "../lib/clock.js";

/** Milliseconds that one operation of a store may take. */
const operationLimit = 5_000;
/** Milliseconds for which a store that failed is left alone; twice as long after each further failure. */
const firstRest = 1_000;
const longestRest = 15_000;

/**
 * Stands between a store and those who use it: an operation that takes too long has failed, and after a failure everybody
 * is told at once for a while, instead of waiting for the same again. What a store rejects with is shown to nobody.
 */
export class Guard {
  readonly #clock: Clock;
  #restsUntil = Number.NEGATIVE_INFINITY;
  #rest = firstRest;
  #isDown = false;
  #failedAt = Number.NEGATIVE_INFINITY;
  #hasNews = false;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** True once an outage, for whoever is the first to say so. */
  takeNews(): boolean {
    const hasNews = this.#hasNews;
    this.#hasNews = false;
    return hasNews;
  }

  /**
   * Runs one operation. Rejects with `store_unavailable`, which is retryable, and with the `McpAuthError` of a setting that
   * is missing or wrong.
   *
   * `begun` tells of an operation that lasts as long as somebody works under it: only what comes before is limited. It
   * answers `false` when that took too long.
   */
  async run<T>(operation: (begun: () => boolean) => Promise<T>): Promise<T> {
    if (this.#isResting()) throw storeUnavailable();
    const startedAt = this.#clock.now();
    let isLate = false;
    let hasBegun = false;
    let limit: { cancel(): void } | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      // Keeps the process alive, which the connection of a store need not do: somebody waits for this.
      limit = this.#clock.setTimeout(() => {
        isLate = true;
        reject(storeUnavailable());
      }, operationLimit);
    });
    try {
      const work = operation(() => {
        limit?.cancel();
        hasBegun = true;
        if (!isLate) this.#recovered(startedAt);
        return !isLate;
      });
      // It may fail when nobody waits for it any more.
      work.catch(() => {});
      const value = await Promise.race([work, late]);
      // The end of what somebody did under a lock says nothing of the store.
      if (!hasBegun) this.#recovered(startedAt);
      return value;
    } catch (error) {
      if (error instanceof McpAuthError && error.code !== "store_unavailable") throw error;
      if (error instanceof WorkFailed) throw error.error;
      this.#failed(startedAt);
      throw storeUnavailable();
    } finally {
      limit?.cancel();
    }
  }

  #isResting(): boolean {
    const left = this.#restsUntil - this.#clock.now();
    // A clock that was set back does not make it longer.
    return left > 0 && left <= longestRest;
  }

  #recovered(startedAt: number): void {
    // It may have been under way already when another failed.
    if (this.#isDown && startedAt < this.#failedAt) return;
    this.#isDown = false;
    this.#hasNews = false;
    this.#rest = firstRest;
  }

  #failed(startedAt: number): void {
    const now = this.#clock.now();
    // Of several that fail together each would make the rest longer.
    if (this.#isDown && startedAt < this.#restsUntil) return;
    this.#failedAt = now;
    if (!this.#isDown) this.#hasNews = true;
    this.#isDown = true;
    this.#restsUntil = now + this.#rest;
    this.#rest = Math.min(this.#rest * 2, longestRest);
  }
}

/** What somebody's work under a lock rejected with, which says nothing of the store. */
export class WorkFailed {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

export function storeUnavailable(server?: string): McpAuthError {
  const whose = server === undefined ? "" : `Server "${server}": `;
  return new McpAuthError(
    "store_unavailable",
    `${whose}${server === undefined ? "The" : "the"} store of the config cannot be used at the moment. See that it runs, and that this process may reach it, read and write there.`,
    { server, retryable: true },
  );
}
