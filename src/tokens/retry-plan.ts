import type { RetrySpec } from "../config/spec.js";
import { backoffDelay } from "../net/retry.js";

export interface RetryPlanOptions {
  readonly retry: RetrySpec;
  /** Milliseconds since the epoch at which the deadline of all attempts passes. */
  readonly endsAt: number;
  /** It follows failures: what may pass is not tried again here. */
  readonly probe: boolean;
  /** 0 to 1. */
  readonly random: () => number;
}

export interface FailedAttempt {
  /** Counts from 1. */
  readonly attempt: number;
  /** It may pass by itself. */
  readonly retryable: boolean;
  /** Milliseconds. */
  readonly retryAfter: number | undefined;
  /** Another attempt would present another credential than the one that was refused. */
  readonly hasAnotherCredential: boolean;
}

export type NextAttempt =
  | { readonly kind: "again"; readonly after: number }
  | { readonly kind: "failed" }
  /** A server asks for so many milliseconds, and the deadline comes before. */
  | { readonly kind: "beyond"; readonly asked: number };

/** What to do after a failed attempt, at this moment, when for `held` milliseconds the issuer is not to be asked. */
export type RetryPlan = (failed: FailedAttempt, now: number, held: number) => NextAttempt;

const longestSpread = 1_000;

/** So many milliseconds and some more: a fleet that was told the same number would come back at the same moment. */
export function spreadOut(milliseconds: number, random: () => number): number {
  return milliseconds + random() * Math.min(milliseconds * 0.1, longestSpread);
}

/**
 * The attempts of one acquisition: what may pass is tried again after a capped exponential backoff with full jitter, or
 * after what `Retry-After` says and a little more, within the deadline. A refused credential is followed by another
 * once.
 */
export function retryPlan({ retry, endsAt, probe, random }: RetryPlanOptions): RetryPlan {
  let changed = false;
  return (failed, now, held) => {
    const { attempt, retryable, retryAfter } = failed;
    if (!retryable) {
      const isAnother = failed.hasAnotherCredential && !changed && attempt < retry.attempts && now < endsAt;
      changed ||= isAnother;
      return isAnother ? { kind: "again", after: 0 } : { kind: "failed" };
    }
    const asked = Math.max(retryAfter ?? 0, held);
    if (asked > 0 && now + asked >= endsAt) return { kind: "beyond", asked };
    if (probe || attempt >= retry.attempts) return { kind: "failed" };
    // A server that asks for nothing, or for a moment that has gone by, is given the pause that any other gets.
    const backoff = asked > 0 ? 0 : backoffDelay(attempt, retry, random);
    const after = Math.max(spreadOut(asked, random), backoff);
    // Beyond the deadline only the spread may lie.
    if (now + after < endsAt) return { kind: "again", after };
    return asked > 0 ? { kind: "again", after: asked } : { kind: "failed" };
  };
}
