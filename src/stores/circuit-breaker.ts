import { McpAuthError } from "../errors/error.js";
import { type Clock, systemClock } from "../lib/clock.js";
import { workingTimeLimit } from "../lib/time-limit.js";
import { untilAborted } from "../lib/wait.js";
import {
  type StoreFailure,
  type StorePlace,
  storeFailure,
  storeFailureIn,
  storeTooSlow,
  storeUnavailable,
} from "./failure.js";

/** Milliseconds that one operation of a store may take. */
const operationLimit = 3_000;
/** Milliseconds for which a store that failed is left alone; twice as long after each further failure. */
const firstOpenTime = 1_000;
const longestOpenTime = 15_000;

/** A store that is full, or a replica, can be read and not written. */
export type OperationKind = "read" | "write";

export interface OperationOptions {
  /** Asks also while the store is left alone: what is lost otherwise is lost for ever. */
  readonly bypass?: boolean | undefined;
}

/** Whose trouble is that of each kind: what cannot be reached for a look cannot be for anything else. */
const concerned: Readonly<Record<OperationKind, readonly OperationKind[]>> = {
  read: ["read"],
  write: ["read", "write"],
};

interface Trouble {
  readonly failedAt: number;
  readonly openUntil: number;
  readonly rest: number;
  readonly failure: StoreFailure | undefined;
}

const anywhere: StorePlace = { place: undefined, isRedis: false };

/**
 * Stands between a store and those who use it: an operation that takes too long has failed, and after a failure everybody
 * is told at once for a while, instead of waiting for the same again. Of what a store rejects with only known codes are
 * shown.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #troubles = new Map<OperationKind, Trouble>();
  readonly #where: () => StorePlace;
  #hasNews = false;

  /** `where` tells what the store is, for messages. */
  constructor(clock: Clock = systemClock, where: () => StorePlace = () => anywhere) {
    this.#clock = clock;
    this.#where = where;
  }

  /** Why operations of this kind failed the last time; `undefined` when they did not, and when nothing is known of it. */
  failureOf(kind: OperationKind): StoreFailure | undefined {
    const [trouble] = concerned[kind].flatMap((each) => this.#troubles.get(each) ?? []);
    return trouble?.failure;
  }

  /** True once an outage, for whoever is the first to say so. */
  takeOutageNotice(): boolean {
    const hasNews = this.#hasNews;
    this.#hasNews = false;
    return hasNews;
  }

  /** Whether operations of this kind fail at once now. */
  isOpen(kind: OperationKind): boolean {
    const now = this.#clock.now();
    return concerned[kind].some((each) => {
      const left = (this.#troubles.get(each)?.openUntil ?? now) - now;
      // A clock that was set back does not make it longer.
      return left > 0 && left <= longestOpenTime;
    });
  }

  /**
   * Runs one operation. Rejects with `store_unavailable`, which is retryable, and with the `McpAuthError` of a setting that
   * is missing or wrong.
   *
   * `begun` tells of an operation that lasts as long as somebody works under it: only what comes before is limited. It
   * answers `false` when that took too long.
   */
  async run<T>(
    kind: OperationKind,
    operation: (begun: () => boolean) => Promise<T>,
    { bypass = false }: OperationOptions = {},
  ): Promise<T> {
    if (!bypass && this.isOpen(kind)) throw storeUnavailable(undefined, this.failureOf(kind));
    const startedAt = this.#clock.now();
    let hasBegun = false;
    const late = new AbortController();
    // The connection of a store keeps no process alive, so the timer does while the caller waits.
    const limit = workingTimeLimit(this.#clock, operationLimit, () => late.abort(), { unref: false });
    try {
      const work = operation(() => {
        limit.cancel();
        hasBegun = true;
        if (!late.signal.aborted) this.#recovered(kind, startedAt);
        return !late.signal.aborted;
      });
      const tooSlow = () => storeUnavailable(undefined, storeTooSlow(this.#where().place));
      const value = await untilAborted(work, late.signal, tooSlow);
      // The end of what somebody did under a lock says nothing of the store.
      if (!hasBegun) this.#recovered(kind, startedAt);
      return value;
    } catch (error) {
      if (error instanceof McpAuthError && error.code !== "store_unavailable") throw error;
      const failure = storeFailureIn(error) ?? storeFailure(error, this.#where());
      this.#failed(kind, startedAt, failure);
      throw storeUnavailable(undefined, failure);
    } finally {
      limit.cancel();
    }
  }

  #recovered(kind: OperationKind, startedAt: number): void {
    for (const each of concerned[kind]) {
      const trouble = this.#troubles.get(each);
      // It may have been under way already when another failed.
      if (trouble !== undefined && startedAt >= trouble.failedAt) this.#troubles.delete(each);
    }
    if (this.#troubles.size === 0) this.#hasNews = false;
  }

  #failed(kind: OperationKind, startedAt: number, failure: StoreFailure | undefined): void {
    const now = this.#clock.now();
    const trouble = this.#troubles.get(kind);
    // Of several that fail together each would make the rest longer.
    if (trouble !== undefined && startedAt < trouble.openUntil) return;
    if (this.#troubles.size === 0) this.#hasNews = true;
    // What is in the place of one entry says nothing of the others, and costs no time.
    const longer = Math.max(2 * (trouble?.rest ?? 0), firstOpenTime);
    const rest = failure?.kind === "not_ours" ? 0 : Math.min(longer, longestOpenTime);
    this.#troubles.set(kind, { failedAt: now, openUntil: now + rest, rest, failure });
  }
}
