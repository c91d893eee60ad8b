import { type Held, isUsable, type Lifecycle } from "./lifecycle.js";
import { cooldownLength, retryAt, shortestInterval } from "./policy.js";

export function requestBegun(life: Lifecycle): Lifecycle {
  return { ...life, requesting: true };
}

/**
 * A token has come, `fromRequest` or from elsewhere, and takes the place of the one before. One that is of no use on
 * arrival goes to those who waited for it, but takes no place from one that is.
 */
export function issued(life: Lifecycle, now: number, brought: Held, fromRequest = true): Lifecycle {
  const { token: before } = life;
  // One that was asked for in the future: the clock was set back meanwhile.
  const token = shifted(brought, Math.max(brought.requestedAt - now, 0));
  const isUseless = now >= token.unusableAt && before !== undefined && isUsable(life, now);
  // A token that is no better than the one before would be renewed at once, again and again.
  const noGain = before !== undefined && token.expiresAt <= before.expiresAt && now >= token.staleAt;
  const failures = noGain ? life.failures + 1 : 0;
  const held = isUseless ? before : token;
  const pause = noGain ? retryAt(now, held.unusableAt, failures, true) : now;
  return {
    ...life,
    token: held,
    requesting: fromRequest ? false : life.requesting,
    failures,
    notBefore: Math.max(now + shortestInterval, pause),
    retryable: true,
    cooldown: undefined,
    cooldowns: 0,
    supplied: true,
  };
}

export interface Failed {
  /** It may pass by itself. */
  readonly retryable: boolean;
  /** Milliseconds that the server wants to be left alone. */
  readonly retryAfter: number | undefined;
}

/** The request has failed: the pace is slower with each, and without a usable token a cool-down opens. */
export function requestFailed(
  life: Lifecycle,
  now: number,
  { retryable, retryAfter = 0 }: Failed,
): Lifecycle {
  const ended = { ...life, requesting: false, retryable };
  const { token } = life;
  if (token === undefined || !isUsable(life, now)) return cooledDown(ended, now, retryable, retryAfter);
  const failures = life.failures + 1;
  const notBefore = Math.max(retryAt(now, token.unusableAt, failures, retryable), now + retryAfter);
  return { ...ended, failures, notBefore };
}

/** The request was called off; nothing is known of the server. */
export function requestCalledOff(life: Lifecycle): Lifecycle {
  return { ...life, requesting: false };
}

function cooledDown(life: Lifecycle, now: number, retryable: boolean, retryAfter: number): Lifecycle {
  const cooldowns = life.cooldowns + 1;
  const until = now + Math.max(cooldownLength(cooldowns), retryAfter);
  return { ...life, cooldown: { since: now, until, retryable }, cooldowns };
}

/** The server may be asked again before the time that it asked for is over: what is left is the cool-down itself. */
export function holdReleased(life: Lifecycle): Lifecycle {
  const { cooldown, cooldowns } = life;
  if (cooldown === undefined) return life;
  const until = Math.min(cooldown.until, cooldown.since + cooldownLength(cooldowns));
  return { ...life, cooldown: { ...cooldown, until } };
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

function shifted(token: Held, by: number): Held {
  return {
    ...token,
    requestedAt: token.requestedAt - by,
    staleAt: token.staleAt - by,
    unusableAt: token.unusableAt - by,
    expiresAt: token.expiresAt - by,
  };
}
