// Limits the token requests that follow when an MCP server refuses tokens. A server that refuses a new token may mean
// one tool, one stale session or one path. So a refusal limits token requests, never calls: the refused token stays in
// use until another one replaces it.

/** The limits on token requests after refusals. Processes that share a store share them. */
export interface RequestLimits {
  /** Number of replacements in a row that did not help. */
  readonly failures: number;
  /** Milliseconds since the epoch. Before then, a suspect kind of request causes no token request. */
  readonly holdUntil: number;
  /** Milliseconds since the epoch at which the allowance is full again. Each token request uses one unit of it. */
  readonly allowanceFullAt: number;
}

/** The state of refusals for one cache key. Like `Lifecycle`, it is immutable and has no clock. */
export interface Refusals extends RequestLimits {
  /** Kinds of requests that were refused with a new token too. The least recently refused one comes first. */
  readonly suspects: ReadonlySet<string>;
}

/**
 * Token requests for kinds that are not suspects: this many at once, and one more every `allowanceInterval`
 * milliseconds.
 */
const allowanceSize = 5;
const allowanceInterval = 10_000;
const longestHold = 60_000;
/** Milliseconds after a hold in which one failure expires, whether or not a suspect was accepted since. */
const forgettingInterval = 10_000;
const maxSuspects = 256;

export const noRefusals: Refusals = Object.freeze({
  failures: 0,
  holdUntil: Number.NEGATIVE_INFINITY,
  allowanceFullAt: Number.NEGATIVE_INFINITY,
  suspects: new Set<string>(),
});

/** Whether a refusal may cause a token request now. `isSuspect`: the kind of request is a suspect. */
export function mayRequest(limits: RequestLimits, now: number, isSuspect: boolean): boolean {
  return isSuspect ? now >= limits.holdUntil : unitsLeft(limits, now) >= 1;
}

/**
 * A token request begins because of a refusal. For a suspect it begins the next hold, so that there is one request per
 * hold. For any other kind it uses one unit of the allowance.
 */
export function requestStarted<L extends RequestLimits>(limits: L, now: number, isSuspect: boolean): L {
  const { allowanceFullAt } = limits;
  if (isSuspect) {
    const failures = failuresAt(limits, now);
    return { ...limits, failures, holdUntil: now + holdLength(Math.max(failures, 1)) };
  }
  return { ...limits, allowanceFullAt: Math.max(allowanceFullAt, now) + allowanceInterval };
}

/** A request of this kind was refused. If the kind is a suspect, it becomes the most recent one. */
export function kindRefused(refusals: Refusals, kind: string): Refusals {
  return refusals.suspects.has(kind) ? kindsSuspected(refusals, [kind]) : refusals;
}

/** A token request did not help these kinds of requests. They become suspects. */
export function kindsSuspected(refusals: Refusals, kinds: Iterable<string>): Refusals {
  const added = [...kinds];
  if (added.length === 0) return refusals;
  const suspects = new Set(refusals.suspects);
  for (const kind of added) {
    suspects.delete(kind);
    suspects.add(kind);
  }
  for (const oldest of suspects) {
    if (suspects.size <= maxSuspects) break;
    suspects.delete(oldest);
  }
  return { ...refusals, suspects };
}

/** A token request did not help. Counted once per token request: the next hold is longer. */
export function requestFailed(limits: RequestLimits, now: number): RequestLimits {
  const failures = failuresAt(limits, now) + 1;
  return { failures, holdUntil: now + holdLength(failures), allowanceFullAt: limits.allowanceFullAt };
}

/** Returns the limits without the suspects, which processes do not share. */
export function onlyLimits({ failures, holdUntil, allowanceFullAt }: RequestLimits): RequestLimits {
  return { failures, holdUntil, allowanceFullAt };
}

/**
 * The server accepted a request of this kind. The holds stay as they are: otherwise a server that accepts and refuses
 * the same kind in turn would cause one token request per second.
 */
export function accepted(refusals: Refusals, kind: string): Refusals {
  if (!refusals.suspects.has(kind)) return refusals;
  const suspects = new Set(refusals.suspects);
  suspects.delete(kind);
  return { ...refusals, suspects };
}

/** Returns the limits without a hold and without failures. */
export function withoutHold<L extends RequestLimits>(limits: L): L {
  return { ...limits, failures: 0, holdUntil: Number.NEGATIVE_INFINITY };
}

/** There is a new credential. Refusals of tokens of the previous one do not apply to it. */
export function credentialChanged(refusals: Refusals): Refusals {
  return { ...withoutHold(refusals), suspects: noRefusals.suspects };
}

/** The clock was set back by `by` milliseconds. No limit lasts longer because of that. */
export function clockSetBack<L extends RequestLimits>(limits: L, by: number): L {
  const { holdUntil, allowanceFullAt } = limits;
  return { ...limits, holdUntil: holdUntil - by, allowanceFullAt: allowanceFullAt - by };
}

/** Returns the failures that have not expired. */
function failuresAt({ failures, holdUntil }: RequestLimits, now: number): number {
  const expired = Math.floor(Math.max(now - holdUntil, 0) / forgettingInterval);
  return Math.max(failures - expired, 0);
}

/** Returns the milliseconds of the n-th hold in a row, counted from 1. */
function holdLength(n: number): number {
  return Math.min(1_000 * 2 ** Math.min(n - 1, 6), longestHold);
}

function unitsLeft({ allowanceFullAt }: RequestLimits, now: number): number {
  return allowanceSize - Math.max(allowanceFullAt - now, 0) / allowanceInterval;
}
