import type { Clock } from "../lib/clock.js";
import * as lifecycle from "./lifecycle.js";
import { type RefreshPolicy, timeline } from "./policy.js";
import type { RenewalReason } from "./source.js";
import type { Token } from "./token.js";
import * as transitions from "./transitions.js";

export interface CachedTokenOptions {
  readonly clock: Clock;
  readonly policy: RefreshPolicy;
  /** Called with the time of the next background request, `undefined` if there will be none. */
  readonly onPlan: (nextRefreshAt: number | undefined) => void;
  /** Called with the milliseconds by which the clock was set back. */
  readonly onClockSetBack: (by: number) => void;
}

/**
 * The current token of a cache and the state of its lifecycle. `lifecycle.ts` and `transitions.ts` decide; this class
 * adds the clock, and corrects the times when the clock is set back.
 */
export class CachedToken {
  readonly #options: CachedTokenOptions;
  readonly #clock: Clock;
  /** 0 to 1, constant for this cache: spreads the background requests of a fleet. */
  readonly #spread: number;
  #state = lifecycle.initialState;
  #token: Token | undefined;
  /** Until when `peek` may return the token. */
  #staleAt = Number.NEGATIVE_INFINITY;
  #lastReadAt = Number.NEGATIVE_INFINITY;

  constructor(options: CachedTokenOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#spread = options.policy.random();
  }

  /** Returns the token while it is fresh. This is all that most calls do, so it is one comparison. */
  peek(now: number): Token | undefined {
    if (now >= this.#staleAt || now < this.#lastReadAt) return undefined;
    this.#lastReadAt = now;
    return this.#token;
  }

  /** The current token, fresh or not. */
  get token(): Token | undefined {
    return this.#token;
  }

  get state(): lifecycle.Lifecycle {
    return this.#state;
  }

  /** Returns the present time, after the times of the state have been corrected if the clock was set back. */
  now(atLeast = this.#lastReadAt): number {
    const now = this.#clock.now();
    const by = Math.max(this.#lastReadAt, atLeast) - now;
    this.#lastReadAt = now;
    if (by > 0) {
      this.#options.onClockSetBack(by);
      this.enter(transitions.clockSetBack(this.#state, now, by));
    }
    return now;
  }

  /** A timer knows that the clock was set back while it ran, even if nothing read the clock since. */
  clockSetBack(by: number): void {
    this.now(this.#clock.now() + by);
  }

  /** Enters the next state and announces the next background request. */
  enter(state: lifecycle.Lifecycle, token = this.#token): void {
    this.#token = token;
    this.amend(state);
    this.#staleAt = state.stopped
      ? Number.NEGATIVE_INFINITY
      : (state.token?.staleAt ?? Number.NEGATIVE_INFINITY);
    this.plan();
  }

  /** Changes the state without a new plan, where the time of the next background request does not change. */
  amend(state: lifecycle.Lifecycle): void {
    this.#state = state;
  }

  /** Announces the next background request. */
  plan(): void {
    this.#options.onPlan(lifecycle.nextRefreshAt(this.#state, this.#clock.now(), this.#spread));
  }

  /** Makes a token the current one, unless it is unusable and the current one is not. */
  keep(token: Token, isFromRequest: boolean): void {
    const times = { ...timeline(token, this.#options.policy), requestedAt: token.requestedAt };
    const now = this.now();
    const { token: previous } = this.#state;
    const state = transitions.issued(this.#state, now, times, isFromRequest);
    this.enter(state, state.token === previous ? this.#token : token);
  }

  /** Takes the unexpired token of another cache. Returns whether there was one. */
  takeOver(other: CachedToken): boolean {
    const now = other.now();
    const { token: times } = other.state;
    const { token } = other;
    if (token === undefined || times === undefined || now >= times.expiresAt) return false;
    this.keep(token, false);
    // If the clock was set back since the request, the state knows it and the token does not.
    const by = token.expiresAt - times.expiresAt;
    if (by > 0) this.enter(transitions.clockSetBack(this.#state, now, by));
    return true;
  }

  decide(reason: RenewalReason): lifecycle.Decision {
    const now = this.now();
    return lifecycle.decide(this.#state, now, reason);
  }

  /** Returns the current token if it may be used although a request brought no new one. */
  staleFallback(retryable: boolean): Token | undefined {
    const now = this.now();
    return lifecycle.mayServeStale(this.#state, now, retryable) ? this.#token : undefined;
  }
}
