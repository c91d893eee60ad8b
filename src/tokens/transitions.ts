import { isUsable, type Lifecycle, type TokenTimes } from "./lifecycle.js";
import { cooldownLength, retryAt, shortestInterval } from "./policy.js";

/** A token request begins. */
export function requestStarted(state: Lifecycle): Lifecycle {
  return { ...state, requesting: true };
}

/**
 * A token arrives, from a request or from another source, and replaces the current one. A token that is unusable on
 * arrival goes to the callers that waited for it, but does not replace a usable one.
 */
export function issued(state: Lifecycle, now: number, times: TokenTimes, isFromRequest = true): Lifecycle {
  const { token: previous } = state;
  // `requestedAt` lies in the future if the clock was set back during the request. How long the request took is unknown
  // then, and the token may be used for that long after its expiry.
  const token = shifted(times, Math.max(times.requestedAt - now, 0));
  const isUnusable = now >= token.unusableAt && previous !== undefined && isUsable(state, now);
  // Without a pause, a token that is no better than the previous one would be renewed at once, again and again.
  const bringsNoTime =
    previous !== undefined && token.expiresAt <= previous.expiresAt && now >= token.staleAt;
  const failures = bringsNoTime ? state.failures + 1 : 0;
  const current = isUnusable ? previous : token;
  const earliest = bringsNoTime ? retryAt(now, current.unusableAt, failures, true) : now;
  return {
    ...state,
    token: current,
    requesting: isFromRequest ? false : state.requesting,
    failures,
    notBefore: Math.max(now + shortestInterval, earliest),
    retryable: true,
    cooldown: undefined,
    cooldowns: 0,
    hadToken: true,
  };
}

export interface RequestFailure {
  /** Whether the failure is temporary. */
  readonly retryable: boolean;
  /** Milliseconds that the server wants us to wait. */
  readonly retryAfter: number | undefined;
}

/** The request failed. The next renewal comes later each time; without a usable token, a cool-down begins. */
export function requestFailed(
  state: Lifecycle,
  now: number,
  { retryable, retryAfter = 0 }: RequestFailure,
): Lifecycle {
  const ended = { ...state, requesting: false, retryable };
  const { token } = state;
  if (token === undefined || !isUsable(state, now)) return cooledDown(ended, now, retryable, retryAfter);
  const failures = state.failures + 1;
  const notBefore = Math.max(retryAt(now, token.unusableAt, failures, retryable), now + retryAfter);
  return { ...ended, failures, notBefore };
}

/** The request was canceled, which is not a failure of the server. */
export function requestCanceled(state: Lifecycle): Lifecycle {
  return { ...state, requesting: false };
}

function cooledDown(state: Lifecycle, now: number, retryable: boolean, retryAfter: number): Lifecycle {
  const cooldowns = state.cooldowns + 1;
  const until = now + Math.max(cooldownLength(cooldowns), retryAfter);
  return { ...state, cooldown: { since: now, until, retryable }, cooldowns };
}

/** The wait that the server asked for ended early. Only the cool-down without it remains. */
export function retryAfterEnded(state: Lifecycle): Lifecycle {
  const { cooldown, cooldowns } = state;
  if (cooldown === undefined) return state;
  const until = Math.min(cooldown.until, cooldown.since + cooldownLength(cooldowns));
  return { ...state, cooldown: { ...cooldown, until } };
}

/** There is a new credential. The rejection of the previous one does not apply to it. */
export function credentialChanged(state: Lifecycle): Lifecycle {
  return { ...state, cooldown: undefined, cooldowns: 0, failures: 0, notBefore: Number.NEGATIVE_INFINITY };
}

/** `stop()` was called. */
export function stopped(state: Lifecycle): Lifecycle {
  return { ...state, stopped: true };
}

/**
 * The clock was set back by `by` milliseconds since the last look, and shows `now`. The token keeps at most the time
 * that it had left, so that it is not used after its expiry. A cool-down that would now begin in the future ends,
 * because it would last that much longer.
 */
export function clockSetBack(state: Lifecycle, now: number, by: number): Lifecycle {
  const { token, cooldown, notBefore } = state;
  return {
    ...state,
    token: token && shifted(token, by),
    notBefore: notBefore - by,
    cooldown: cooldown !== undefined && now < cooldown.since ? undefined : cooldown,
  };
}

function shifted(token: TokenTimes, by: number): TokenTimes {
  return {
    ...token,
    requestedAt: token.requestedAt - by,
    staleAt: token.staleAt - by,
    unusableAt: token.unusableAt - by,
    expiresAt: token.expiresAt - by,
  };
}
