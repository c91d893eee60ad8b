import { cooldownLength, nextTry, shortestInterval, type Timeline } from "./policy.js";
import type { RenewalReason } from "./source.js";

/** The token at hand, as far as time is concerned. */
export interface Held extends Timeline {
  /** Milliseconds since the epoch at which it was asked for. */
  readonly requestedAt: number;
  /** The server took it. */
  readonly confirmed: boolean;
}

/** No request while it lasts, but a forced one. */
interface Cooldown {
  readonly since: number;
  readonly until: number;
  /** What opened it may pass by itself. */
  readonly passing: boolean;
}

/**
 * The life of the tokens of one cache key: everything that decides what a call gets, what is done behind its back and
 * when. Times are milliseconds since the epoch. Immutable, and without any clock: each function below takes the moment,
 * and those that change something give a new one.
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
  readonly passing: boolean;
  readonly cooldown: Cooldown | undefined;
  /** Cool-downs in a row: each is longer than the one before. */
  readonly cooldowns: number;
  /** New tokens in a row that the server refused. */
  readonly refusals: number;
  /** There has been a token: from then on the manager is kept supplied. */
  readonly supplied: boolean;
  readonly stopped: boolean;
}

export const beginning: Lifecycle = Object.freeze({
  token: undefined,
  requesting: false,
  failures: 0,
  notBefore: Number.NEGATIVE_INFINITY,
  passing: true,
  cooldown: undefined,
  cooldowns: 0,
  refusals: 0,
  supplied: false,
  stopped: false,
});

// A token refused so soon after it was issued, and never taken, was no good from the start.
const youth = 30_000;
const mostRefusals = 2;

export type Decision =
  /** The token at hand, at once; `renew`: a request is to be begun behind the caller's back. */
  | { readonly kind: "token"; readonly renew: boolean }
  /** The outcome of a request, begun now unless one is under way; at `stopgapAt` the token at hand after all. */
  | { readonly kind: "wait"; readonly stopgapAt: number | undefined }
  /** The last failure once more. */
  | { readonly kind: "refuse"; readonly retryAfter: number }
  | { readonly kind: "stopped" };

/** What a call gets. */
export function decide(life: Lifecycle, now: number, reason: RenewalReason): Decision {
  const { token, requesting, notBefore, cooldown } = life;
  if (life.stopped) return { kind: "stopped" };
  if (reason === "forced") return { kind: "wait", stopgapAt: undefined };
  if (isUsable(life, now)) {
    const isStale = token !== undefined && now >= token.staleAt;
    return { kind: "token", renew: isStale && !requesting && now >= notBefore };
  }
  if (!requesting && cooldown !== undefined && now < cooldown.until) {
    if (canStandIn(life, now, cooldown.passing)) return { kind: "token", renew: false };
    return { kind: "refuse", retryAfter: cooldown.until - now };
  }
  // Whoever waits for a server that does not answer is not to see the old token expire meanwhile.
  const isLeft = token !== undefined && now < token.expiresAt;
  return { kind: "wait", stopgapAt: isLeft ? now + (token.expiresAt - now) / 2 : undefined };
}

/**
 * Whether the token at hand is handed out where no new one could be had: a usable one whatever went wrong, and one that
 * has not expired when the failure may pass.
 */
export function canStandIn(life: Lifecycle, now: number, passing: boolean): boolean {
  if (life.stopped || life.token === undefined) return false;
  return now < life.token.unusableAt || (passing && now < life.token.expiresAt);
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

/**
 * When a request is next to be begun with nobody there, `undefined` when that would spare nobody a wait: before the
 * token becomes unusable and, once a failure that may pass has outlasted it, at the end of each cool-down, a little
 * later by `spread` (0 to 1) lest a fleet ask at one moment.
 */
export function wakeAt(life: Lifecycle, now: number, spread: number): number | undefined {
  const { token, cooldown, failures, notBefore, passing } = life;
  if (life.stopped || life.requesting || !life.supplied) return undefined;
  if (token !== undefined && now < token.unusableAt) {
    const at = Math.max(token.staleAt, notBefore);
    return at < token.unusableAt || (failures > 0 && passing) ? at : undefined;
  }
  if (cooldown === undefined || !cooldown.passing || now >= cooldown.until) return undefined;
  return cooldown.until + spread * 0.1 * (cooldown.until - cooldown.since);
}

/** Whether the next request is a try in a row of failures: it is made once, and the pauses are those from here. */
export function isProbe({ failures, cooldowns }: Lifecycle): boolean {
  return failures > 0 || cooldowns > 0;
}

export function requestBegun(life: Lifecycle): Lifecycle {
  return { ...life, requesting: true };
}

/** A token has come, `fromRequest` or from elsewhere. */
export function issued(
  life: Lifecycle,
  now: number,
  brought: Omit<Held, "confirmed">,
  fromRequest = true,
): Lifecycle {
  const { token: before, refusals } = life;
  // One that was asked for in the future: the clock was set back meanwhile.
  const token = shifted(brought, Math.max(brought.requestedAt - now, 0));
  // A token that is no better than the one before would be renewed at once, again and again.
  const noGain = before !== undefined && token.expiresAt <= before.expiresAt && now >= token.staleAt;
  const failures = noGain ? life.failures + 1 : 0;
  const pause = noGain ? nextTry(now, token.unusableAt, failures) : now;
  // That another is issued proves nothing where it is the tokens that are refused.
  const stillRefused = fromRequest && refusals >= mostRefusals;
  return {
    ...life,
    token: { ...token, confirmed: false },
    requesting: fromRequest ? false : life.requesting,
    failures,
    notBefore: Math.max(now + shortestInterval, pause),
    passing: true,
    cooldown: undefined,
    cooldowns: stillRefused ? life.cooldowns : 0,
    refusals: fromRequest ? refusals : 0,
    supplied: true,
  };
}

export interface Failed {
  /** It may pass by itself. */
  readonly passing: boolean;
  /** Milliseconds that the server wants to be left alone. */
  readonly retryAfter: number | undefined;
}

/** The request has failed: the pace is slower with each, and without a usable token a cool-down opens. */
export function requestFailed(life: Lifecycle, now: number, { passing, retryAfter = 0 }: Failed): Lifecycle {
  const ended = { ...life, requesting: false, passing };
  const { token } = life;
  if (token === undefined || !isUsable(life, now)) return cooledDown(ended, now, passing, retryAfter);
  const failures = life.failures + 1;
  const notBefore = Math.max(nextTry(now, token.unusableAt, failures), now + retryAfter);
  return { ...ended, failures, notBefore };
}

/** The request was called off; nothing is known of the server. */
export function requestCalledOff(life: Lifecycle): Lifecycle {
  return { ...life, requesting: false };
}

function cooledDown(life: Lifecycle, now: number, passing: boolean, retryAfter: number): Lifecycle {
  const cooldowns = life.cooldowns + 1;
  const until = now + Math.max(cooldownLength(cooldowns), retryAfter);
  return { ...life, cooldown: { since: now, until, passing }, cooldowns };
}

/** The server took the token at hand. */
export function tokenTaken(life: Lifecycle): Lifecycle {
  if (life.token === undefined || life.token.confirmed) return life;
  return refusalsForgotten({ ...life, token: { ...life.token, confirmed: true } });
}

/** The server refused the token at hand, which is dropped; two new ones in a row open a cool-down. */
export function tokenRefused(life: Lifecycle, now: number): Lifecycle {
  const { token } = life;
  if (token === undefined) return life;
  const dropped = { ...life, token: undefined, failures: 0, notBefore: Number.NEGATIVE_INFINITY };
  if (token.confirmed || now - token.requestedAt > youth) return refusalsForgotten(dropped);
  const refusals = life.refusals + 1;
  return refusals < mostRefusals
    ? { ...dropped, refusals }
    : cooledDown({ ...dropped, refusals }, now, false, 0);
}

/** The tokens of this server are taken: refusals count from the beginning. */
function refusalsForgotten(life: Lifecycle): Lifecycle {
  return life.refusals < mostRefusals
    ? { ...life, refusals: 0 }
    : { ...life, refusals: 0, cooldown: undefined, cooldowns: 0 };
}

/** What a credential was refused for says nothing of another. */
export function credentialReplaced(life: Lifecycle): Lifecycle {
  return { ...life, cooldown: undefined, cooldowns: 0, failures: 0, notBefore: Number.NEGATIVE_INFINITY };
}

export function stopped(life: Lifecycle): Lifecycle {
  return { ...life, stopped: true };
}

/**
 * The clock was set back by so many milliseconds since it was last looked at, and is now at `now`. What was left of the
 * token then is the most that can be left: it is believed no longer than it lives. A cool-down that begins in the future
 * has ended, since it would last that much longer.
 */
export function clockSetBack(life: Lifecycle, now: number, by: number): Lifecycle {
  const { token, cooldown, notBefore } = life;
  return {
    ...life,
    token: token && shifted(token, by),
    notBefore: notBefore - by,
    cooldown: cooldown !== undefined && now < cooldown.since ? undefined : cooldown,
  };
}

function shifted<T extends Omit<Held, "confirmed">>(token: T, by: number): T {
  return {
    ...token,
    requestedAt: token.requestedAt - by,
    staleAt: token.staleAt - by,
    unusableAt: token.unusableAt - by,
    expiresAt: token.expiresAt - by,
  };
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
