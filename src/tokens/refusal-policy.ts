// What a refused token leads to. A server that refuses a token which it was just given may mean one tool, one stale session or
// one path. So a refusal limits token requests, never calls: the refused token stays in use until another takes its place.

/** What limits the token requests after refusals. Processes that share a store share it. */
export interface RequestLimits {
  /** Replacements in a row that did not help. */
  readonly failures: number;
  /** Milliseconds since the epoch: a kind of request that is a suspect causes no token request before then. */
  readonly holdUntil: number;
  /** Milliseconds since the epoch at which the allowance is full again: each request takes one part of it. */
  readonly allowanceFullAt: number;
}

/** What is known of the refusals of one cache key. Immutable, and without a clock, as the `Lifecycle` is. */
export interface Refusals extends RequestLimits {
  /** Kinds of requests that were refused with a new token too. The one seen longest ago comes first. */
  readonly suspects: ReadonlySet<string>;
}

/** Token requests for kinds that are no suspects: this many at once, and one more every `allowanceInterval` milliseconds. */
const allowanceSize = 5;
const allowanceInterval = 10_000;
const longestHold = 60_000;
/** Milliseconds after a hold in which one failure is forgotten, whether or not a suspect was accepted meanwhile. */
const forgettingInterval = 10_000;
const mostSuspects = 256;

export const noRefusals: Refusals = Object.freeze({
  failures: 0,
  holdUntil: Number.NEGATIVE_INFINITY,
  allowanceFullAt: Number.NEGATIVE_INFINITY,
  suspects: new Set<string>(),
});

/** Whether a refusal may cause a token request now; `isSuspect`: the kind of request is one. */
export function mayRequest(limits: RequestLimits, now: number, isSuspect: boolean): boolean {
  return isSuspect ? now >= limits.holdUntil : partsLeft(limits, now) >= 1;
}

/**
 * A token request begins because of a refusal. One for a suspect begins the next hold, so that there is one request a
 * hold; any other takes its part of the allowance.
 */
export function requestStarted<L extends RequestLimits>(limits: L, now: number, isSuspect: boolean): L {
  const { allowanceFullAt } = limits;
  if (isSuspect) {
    const failures = failuresAt(limits, now);
    return { ...limits, failures, holdUntil: now + holdLength(Math.max(failures, 1)) };
  }
  return { ...limits, allowanceFullAt: Math.max(allowanceFullAt, now) + allowanceInterval };
}

/** A request of this kind was refused: of the suspects it is the one that is forgotten last. */
export function seen(refusals: Refusals, kind: string): Refusals {
  return refusals.suspects.has(kind) ? suspected(refusals, [kind]) : refusals;
}

/** A request brought no token that helps these kinds of requests: they are suspects from now on. */
export function suspected(refusals: Refusals, kinds: Iterable<string>): Refusals {
  const added = [...kinds];
  if (added.length === 0) return refusals;
  const suspects = new Set(refusals.suspects);
  for (const kind of added) {
    suspects.delete(kind);
    suspects.add(kind);
  }
  for (const oldest of suspects) {
    if (suspects.size <= mostSuspects) break;
    suspects.delete(oldest);
  }
  return { ...refusals, suspects };
}

/** The same once a request, for all kinds that waited for it: the next hold is longer. */
export function requestFailed(limits: RequestLimits, now: number): RequestLimits {
  const failures = failuresAt(limits, now) + 1;
  return { failures, holdUntil: now + holdLength(failures), allowanceFullAt: limits.allowanceFullAt };
}

/** Without the suspects, which no other process knows. */
export function onlyLimits({ failures, holdUntil, allowanceFullAt }: RequestLimits): RequestLimits {
  return { failures, holdUntil, allowanceFullAt };
}

/**
 * The server accepted a request of this kind. The holds go on where they were: a server that accepts and refuses the same kind
 * in turn would cause a request a second otherwise.
 */
export function accepted(refusals: Refusals, kind: string): Refusals {
  if (!refusals.suspects.has(kind)) return refusals;
  const suspects = new Set(refusals.suspects);
  suspects.delete(kind);
  return { ...refusals, suspects };
}

export function withoutHold<L extends RequestLimits>(limits: L): L {
  return { ...limits, failures: 0, holdUntil: Number.NEGATIVE_INFINITY };
}

/** What was refused for one credential says nothing of another. */
export function credentialChanged(refusals: Refusals): Refusals {
  return { ...withoutHold(refusals), suspects: noRefusals.suspects };
}

/** The clock was set back by so many milliseconds: nothing lasts longer for that. */
export function clockSetBack<L extends RequestLimits>(limits: L, by: number): L {
  const { holdUntil, allowanceFullAt } = limits;
  return { ...limits, holdUntil: holdUntil - by, allowanceFullAt: allowanceFullAt - by };
}

/** Those that are not forgotten yet: as many are remembered as the allowance would have taken to be full again. */
function failuresAt({ failures, holdUntil }: RequestLimits, now: number): number {
  const forgotten = Math.floor(Math.max(now - holdUntil, 0) / forgettingInterval);
  return Math.max(failures - forgotten, 0);
}

/** Milliseconds that the n-th hold in a row lasts, from 1. */
function holdLength(n: number): number {
  return Math.min(1_000 * 2 ** Math.min(n - 1, 6), longestHold);
}

function partsLeft({ allowanceFullAt }: RequestLimits, now: number): number {
  return allowanceSize - Math.max(allowanceFullAt - now, 0) / allowanceInterval;
}
