import type { Timeline } from "./policy.js";
import type { RenewalReason } from "./source.js";

/** The times of the current token. */
export interface TokenTimes extends Timeline {
  /** Milliseconds since the epoch at which the request for it was sent. */
  readonly requestedAt: number;
}

/** A period without token requests, except forced ones. */
interface Cooldown {
  readonly since: number;
  readonly until: number;
  /** Whether the failure that started it is temporary. */
  readonly retryable: boolean;
}

/**
 * The state of the token of one cache key. It decides what a call gets, and when a background request is made. All
 * times are milliseconds since the epoch. A state is immutable and has no clock: the functions below take the present
 * time as `now`, and those of `transitions.ts` return the next state.
 */
export interface Lifecycle {
  readonly token: TokenTimes | undefined;
  /** A request is in flight; there is never a second one. */
  readonly requesting: boolean;
  /** Renewals in a row that failed, or brought no more time, while there was a usable token. */
  readonly failures: number;
  /** While there is a usable token, no renewal begins before this time. */
  readonly notBefore: number;
  /** Whether the last failure is temporary. */
  readonly retryable: boolean;
  readonly cooldown: Cooldown | undefined;
  /** Cool-downs in a row; each is longer than the previous one. */
  readonly cooldowns: number;
  /** There has been a token. From then on, background renewals keep one available. */
  readonly hadToken: boolean;
  readonly stopped: boolean;
}

export const initialState: Lifecycle = Object.freeze({
  token: undefined,
  requesting: false,
  failures: 0,
  notBefore: Number.NEGATIVE_INFINITY,
  retryable: true,
  cooldown: undefined,
  cooldowns: 0,
  hadToken: false,
  stopped: false,
});

export type Decision =
  /** Return the current token at once. `renew`: also begin a request in the background. */
  | { readonly kind: "token"; readonly renew: boolean }
  /**
   * Wait for the request in flight, or begin one. If it has not ended at `serveStaleAt`, return the current token after
   * all.
   */
  | { readonly kind: "wait"; readonly serveStaleAt: number | undefined }
  /** Throw the last failure again. */
  | { readonly kind: "fail"; readonly retryAfter: number }
  | { readonly kind: "stopped" };

/** Decides what a call gets. */
export function decide(state: Lifecycle, now: number, reason: RenewalReason): Decision {
  const { token, requesting, notBefore, cooldown } = state;
  if (state.stopped) return { kind: "stopped" };
  if (reason === "forced") return { kind: "wait", serveStaleAt: undefined };
  if (isUsable(state, now)) {
    const isStale = token !== undefined && now >= token.staleAt;
    return { kind: "token", renew: isStale && !requesting && now >= notBefore };
  }
  if (!requesting && cooldown !== undefined && now < cooldown.until) {
    if (mayServeStale(state, now, cooldown.retryable)) return { kind: "token", renew: false };
    return { kind: "fail", retryAfter: cooldown.until - now };
  }
  // If the server does not answer, the caller gets the current token before that expires.
  const isUnexpired = token !== undefined && now < token.expiresAt;
  return { kind: "wait", serveStaleAt: isUnexpired ? now + (token.expiresAt - now) / 2 : undefined };
}

/**
 * Whether the current token may be returned when a request brought no new one: always while it is usable, and until it
 * expires if the failure is temporary.
 */
export function mayServeStale(state: Lifecycle, now: number, retryable: boolean): boolean {
  if (state.stopped || state.token === undefined) return false;
  return now < state.token.unusableAt || (retryable && now < state.token.expiresAt);
}

/** Whether the current token may be returned without a request. */
export function isUsable({ token }: Lifecycle, now: number): boolean {
  return token !== undefined && now < token.unusableAt;
}

/** Whether a request must begin now so that there is a token that is usable until `time`. */
export function wantsRenewal(state: Lifecycle, now: number, time: number): boolean {
  const { token, requesting, stopped, notBefore, cooldown } = state;
  if (stopped || requesting || (token !== undefined && token.unusableAt > time)) return false;
  if (isUsable(state, now)) return now >= notBefore;
  return cooldown === undefined || now >= cooldown.until;
}

/** Whether a token that the MCP server rejected may be replaced now. */
export function mayReplace({ stopped, cooldown }: Lifecycle, now: number): boolean {
  return !stopped && (cooldown === undefined || now >= cooldown.until);
}

/**
 * Returns when the next background request begins: before the token becomes unusable, and at the end of each cool-down
 * if the failure is temporary. `spread` (0 to 1) delays the latter a little, so that a fleet does not ask at one
 * moment. Returns `undefined` when a background request would save no caller a wait.
 */
export function nextRefreshAt(state: Lifecycle, now: number, spread: number): number | undefined {
  const { token, cooldown, failures, notBefore, retryable } = state;
  if (state.stopped || state.requesting || !state.hadToken) return undefined;
  if (token !== undefined && now < token.unusableAt) {
    const at = Math.max(token.staleAt, notBefore);
    return at < token.unusableAt || (failures > 0 && retryable) ? at : undefined;
  }
  if (cooldown === undefined || !cooldown.retryable || now >= cooldown.until) return undefined;
  return Math.ceil(cooldown.until + spread * 0.1 * (cooldown.until - cooldown.since));
}

/**
 * Whether the next request follows failures. Such a request is a single attempt: the pauses of the state apply instead.
 */
export function isProbe({ failures, cooldowns }: Lifecycle): boolean {
  return failures > 0 || cooldowns > 0;
}

export type StateName = "none" | "fresh" | "stale" | "expired" | "cooldown" | "stopped";

/** Returns the name of the state, as `status()` shows it. */
export function stateName(state: Lifecycle, now: number): StateName {
  const { token, cooldown } = state;
  if (state.stopped) return "stopped";
  if (token !== undefined && now < token.unusableAt) return now < token.staleAt ? "fresh" : "stale";
  if (cooldown !== undefined && now < cooldown.until) return "cooldown";
  return token === undefined ? "none" : "expired";
}
