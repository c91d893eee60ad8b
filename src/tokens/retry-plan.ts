import type { RetrySpec } from "../config/renewal-spec.js";
import { backoffDelay } from "../net/retry.js";

export interface RetryPlanOptions {
  readonly retry: RetrySpec;
  /** Deadline of all attempts, in milliseconds since the epoch. */
  readonly endsAt: number;
  /** The request follows failures, so temporary failures are not retried here. */
  readonly probe: boolean;
  /** 0 to 1. */
  readonly random: () => number;
}

export interface FailedAttempt {
  /** Counts from 1. */
  readonly attempt: number;
  /** Whether the failure is temporary. */
  readonly retryable: boolean;
  /** Milliseconds. */
  readonly retryAfter: number | undefined;
  /** Whether another attempt would present another credential than the rejected one. */
  readonly hasAnotherCredential: boolean;
}

export type NextAttempt =
  | { readonly kind: "again"; readonly after: number }
  | { readonly kind: "failed" }
  /** A server asks for a wait of `asked` milliseconds, which the deadline does not allow. */
  | { readonly kind: "beyond"; readonly asked: number };

/**
 * Returns what to do after a failed attempt. `hold`: milliseconds for which no request may be sent to the token
 * endpoint.
 */
export type RetryPlan = (failed: FailedAttempt, now: number, hold: number) => NextAttempt;

const longestSpread = 1_000;

/**
 * Returns a slightly longer wait, so that a fleet that got the same `Retry-After` does not return at the same moment.
 */
export function spreadOut(milliseconds: number, random: () => number): number {
  return milliseconds + random() * Math.min(milliseconds * 0.1, longestSpread);
}

/**
 * Plans the attempts of one acquisition. A temporary failure is retried within the deadline: after a capped exponential
 * backoff with full jitter, or slightly after the time in `Retry-After`. A rejected credential is replaced once.
 */
export function retryPlan({ retry, endsAt, probe, random }: RetryPlanOptions): RetryPlan {
  let hasChangedCredential = false;
  return (failed, now, hold) => {
    const { attempt, retryable, retryAfter } = failed;
    if (!retryable) {
      const triesAnother =
        failed.hasAnotherCredential && !hasChangedCredential && attempt < retry.attempts && now < endsAt;
      hasChangedCredential ||= triesAnother;
      return triesAnother ? { kind: "again", after: 0 } : { kind: "failed" };
    }
    const asked = Math.max(retryAfter ?? 0, hold);
    if (asked > 0 && now + asked >= endsAt) return { kind: "beyond", asked };
    if (probe || attempt >= retry.attempts) return { kind: "failed" };
    // Without a `Retry-After` in the future, the backoff applies.
    const backoff = asked > 0 ? 0 : backoffDelay(attempt, retry, random);
    const after = Math.max(spreadOut(asked, random), backoff);
    // If only the spread lies beyond the deadline, the wait is exactly what the server asked for.
    if (now + after < endsAt) return { kind: "again", after };
    return asked > 0 ? { kind: "again", after: asked } : { kind: "failed" };
  };
}
