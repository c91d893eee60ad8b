import type { Timeline } from "./policy.js";
import type { RenewalReason } from "./source.js";

/** The token at hand, as far as time is concerned. */
export interface Held extends Timeline {
  /** Milliseconds since the epoch at which it was asked for. */
  readonly requestedAt: number;
}

/** No request while it lasts, but a forced one. */
interface Cooldown {
  readonly since: number;
  readonly until: number;
  /** What opened it may pass by itself. */
  readonly retryable: boolean;
}

/**
 * The life of the tokens of one cache key: everything that decides what a call gets, what is done behind its back and
 * when. Times are milliseconds since the epoch. Immutable, and without any clock: what is asked of it here takes the
 * moment, and what befalls it, in `transitions.ts`, gives another one.
 */
export interface Lifecycle {
  readonly token: Held | undefined;
  /** A request is under way; there is never a second. */
  readonly requesting: boolean;
  /** Failed or fruitless renewals in a row while there was a usable token. */
  readonly failures: number;
  /** Before this moment no renewal is begun while there is a usable token. */
  readonly notBefore: number;
  /** Whether the last failure may pass by itself. */
  readonly retryable: boolean;
  readonly cooldown: Cooldown | undefined;
  /** Cool-downs in a row: each is longer than the one before. */
  readonly cooldowns: number;
  /** There has been a token: from then on the manager is kept supplied. */
  readonly supplied: boolean;
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
  supplied: false,
  stopped: false,
});

export type Decision =
  /** The token at hand, at once; `renew`: a request is to be begun behind the caller's back. */
  | { readonly kind: "token"; readonly renew: boolean }
  /** The outcome of a request, begun now unless one is under way; at `serveStaleAt` the token at hand after all. */
  | { readonly kind: "wait"; readonly serveStaleAt: number | undefined }
  /** The last failure once more. */
  | { readonly kind: "refuse"; readonly retryAfter: number }
  | { readonly kind: "stopped" };

/** What a call gets. */
export function decide(life: Lifecycle, now: number, reason: RenewalReason): Decision {
  const { token, requesting, notBefore, cooldown } = life;
  if (life.stopped) return { kind: "stopped" };
  if (reason === "forced") return { kind: "wait", serveStaleAt: undefined };
  if (isUsable(life, now)) {
    const isStale = token !== undefined && now >= token.staleAt;
    return { kind: "token", renew: isStale && !requesting && now >= notBefore };
  }
  if (!requesting && cooldown !== undefined && now < cooldown.until) {
    if (mayServeStale(life, now, cooldown.retryable)) return { kind: "token", renew: false };
    return { kind: "refuse", retryAfter: cooldown.until - now };
  }
  // Whoever waits for a server that does not answer is not to see the old token expire meanwhile.
  const isLeft = token !== undefined && now < token.expiresAt;
  return { kind: "wait", serveStaleAt: isLeft ? now + (token.expiresAt - now) / 2 : undefined };
}

/**
 * Whether the token at hand is handed out where no new one could be had: a usable one whatever went wrong, and one that
 * has not expired when the failure may pass.
 */
export function mayServeStale(life: Lifecycle, now: number, retryable: boolean): boolean {
  if (life.stopped || life.token === undefined) return false;
  return now < life.token.unusableAt || (retryable && now < life.token.expiresAt);
}

/** Whether there is a token that needs no excuse. */
export function isUsable({ token }: Lifecycle, now: number): boolean {
  return token !== undefined && now < token.unusableAt;
}

/** Whether a request is to be begun now for there to be a token that is usable until `time`. */
export function wantsRenewal(life: Lifecycle, now: number, time: number): boolean {
  const { token, requesting, stopped, notBefore, cooldown } = life;
  if (stopped || requesting || (token !== undefined && token.unusableAt > time)) return false;
  if (isUsable(life, now)) return now >= notBefore;
  return cooldown === undefined || now >= cooldown.until;
}

/** Whether a token that the server refused may be replaced now. */
export function mayReplace({ stopped, cooldown }: Lifecycle, now: number): boolean {
  return !stopped && (cooldown === undefined || now >= cooldown.until);
}

/**
 * When a request is next to be begun with nobody there, `undefined` when that would spare nobody a wait: before the
 * token becomes unusable and, once a failure that may pass has outlasted it, at the end of each cool-down, a little
 * later by `spread` (0 to 1) lest a fleet ask at one moment.
 */
export function nextRefreshAt(life: Lifecycle, now: number, spread: number): number | undefined {
  const { token, cooldown, failures, notBefore, retryable } = life;
  if (life.stopped || life.requesting || !life.supplied) return undefined;
  if (token !== undefined && now < token.unusableAt) {
    const at = Math.max(token.staleAt, notBefore);
    return at < token.unusableAt || (failures > 0 && retryable) ? at : undefined;
  }
  if (cooldown === undefined || !cooldown.retryable || now >= cooldown.until) return undefined;
  return Math.ceil(cooldown.until + spread * 0.1 * (cooldown.until - cooldown.since));
}

/** Whether the next request is a try in a row of failures: it is made once, and the pauses are those from here. */
export function isProbe({ failures, cooldowns }: Lifecycle): boolean {
  return failures > 0 || cooldowns > 0;
}

export type State = "none" | "fresh" | "stale" | "expired" | "cooldown" | "stopped";

/** In one word. */
export function stateOf(life: Lifecycle, now: number): State {
  const { token, cooldown } = life;
  if (life.stopped) return "stopped";
  if (token !== undefined && now < token.unusableAt) return now < token.staleAt ? "fresh" : "stale";
  if (cooldown !== undefined && now < cooldown.until) return "cooldown";
  return token === undefined ? "none" : "expired";
}
