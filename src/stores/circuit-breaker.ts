import { McpAuthError } from "../errors/error.js";
import { isProgrammingError } from "../errors/expected-errors.js";
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

/** How long one operation of a store may take, in milliseconds. */
const operationLimit = 3_000;
/** How long the circuit stays open after a failure, in milliseconds. Each further failure doubles the time. */
const firstOpenTime = 1_000;
const longestOpenTime = 15_000;

/** The two kinds have separate outages: a store that is full or is a replica can be read but not written. */
export type OperationKind = "read" | "write";

export interface OperationOptions {
  /** Runs the operation even while the circuit is open: otherwise its data would be lost for good. */
  readonly bypass?: boolean | undefined;
}

/**
 * The kinds of failure that open the circuit for each kind of operation: a store that cannot be read cannot be written.
 */
const blockedBy: Readonly<Record<OperationKind, readonly OperationKind[]>> = {
  read: ["read"],
  write: ["read", "write"],
};

interface Outage {
  readonly failedAt: number;
  readonly openUntil: number;
  /** Milliseconds for which the circuit was opened. */
  readonly openTime: number;
  readonly failure: StoreFailure | undefined;
}

const unknownPlace: StorePlace = { place: undefined, kind: "custom" };

/**
 * Protects callers from a store that is down. An operation that takes too long fails. After a failure, the circuit is
 * open for a while: operations fail at once, instead of waiting for the same failure again. Messages show only known
 * codes of what the store rejects with.
 */
export class CircuitBreaker {
  readonly #clock: Clock;
  readonly #outages = new Map<OperationKind, Outage>();
  readonly #where: () => StorePlace;
  #hasNotice = false;

  /** @param where returns the place of the store for messages */
  constructor(clock: Clock = systemClock, where: () => StorePlace = () => unknownPlace) {
    this.#clock = clock;
    this.#where = where;
  }

  /** Returns why the last operation of this kind failed; `undefined` if it did not, or if the reason is not known. */
  failureOf(kind: OperationKind): StoreFailure | undefined {
    const [outage] = blockedBy[kind].flatMap((blocking) => this.#outages.get(blocking) ?? []);
    return outage?.failure;
  }

  /** Whether the last operation of a kind failed, for whatever reason. */
  get hasOutage(): boolean {
    return this.#outages.size > 0;
  }

  /** Returns `true` to the first caller after the start of an outage, so that it is reported once. */
  takeOutageNotice(): boolean {
    const hasNotice = this.#hasNotice;
    this.#hasNotice = false;
    return hasNotice;
  }

  /** Returns whether operations of this kind fail at once at the moment. */
  isOpen(kind: OperationKind): boolean {
    const now = this.#clock.now();
    return blockedBy[kind].some((blocking) => {
      const left = (this.#outages.get(blocking)?.openUntil ?? now) - now;
      // More time than that is left only if the clock was set back. The circuit then counts as closed.
      return left > 0 && left <= longestOpenTime;
    });
  }

  /**
   * Runs one operation. Rejects with `store_unavailable`, which is retryable, or with the `McpAuthError` of a setting
   * that is missing or wrong.
   *
   * @param operation calls `begun` when it holds a lock, before it starts the work under the lock: only the time until
   * then is limited. `begun` returns `false` if the time was over
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
      // For work under a lock, `begun` has already recorded that the store answered.
      if (!hasBegun) this.#recovered(kind, startedAt);
      return value;
    } catch (error) {
      if (error instanceof McpAuthError && error.code !== "store_unavailable") throw error;
      const where = this.#where();
      // A library, or a store of the user, may throw anything. In our own code, such an error is a mistake.
      if (where.kind === "file" && isProgrammingError(error)) throw error;
      const failure = storeFailureIn(error) ?? storeFailure(error, where);
      this.#failed(kind, startedAt, failure);
      throw storeUnavailable(undefined, failure);
    } finally {
      limit.cancel();
    }
  }

  #recovered(kind: OperationKind, startedAt: number): void {
    for (const blocking of blockedBy[kind]) {
      const outage = this.#outages.get(blocking);
      // An operation that started before the failure proves nothing.
      if (outage !== undefined && startedAt >= outage.failedAt) this.#outages.delete(blocking);
    }
    if (this.#outages.size === 0) this.#hasNotice = false;
  }

  #failed(kind: OperationKind, startedAt: number, failure: StoreFailure | undefined): void {
    const now = this.#clock.now();
    const outage = this.#outages.get(kind);
    // Several operations that fail together count once.
    if (outage !== undefined && startedAt < outage.openUntil) return;
    if (this.#outages.size === 0) this.#hasNotice = true;
    const doubled = Math.max(2 * (outage?.openTime ?? 0), firstOpenTime);
    // A foreign file in the place of one entry says nothing about other entries. Trying again costs no time, so the
    // circuit stays closed.
    const openTime = failure?.kind === "not_ours" ? 0 : Math.min(doubled, longestOpenTime);
    this.#outages.set(kind, { failedAt: now, openUntil: now + openTime, openTime, failure });
  }
}
