import type { Clock } from "../../lib/clock.js";
import { pause } from "../../lib/wait.js";

/** The answer to one token request of the device flow, RFC 8628 §3.5. */
export type PollAnswer<T> =
  | { readonly kind: "done"; readonly value: T }
  | { readonly kind: "authorization_pending" | "slow_down" }
  /** A temporary failure. `retryAfter`: milliseconds. */
  | { readonly kind: "failed"; readonly retryAfter?: number | undefined };

interface PollTimes {
  /** Milliseconds between two requests. */
  readonly interval: number;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Milliseconds. RFC 8628 §3.5. */
const slowDown = 5_000;
/** Milliseconds. The longest pause after failures, unless the server asks for a longer one. */
const longestBackoff = 60_000;

/**
 * Asks again and again, at the interval of the server, until the person has decided. After a temporary failure, the
 * pause doubles each time. Returns `expired` when the code has expired, and `aborted` after an abort. Rejects with the
 * errors of `ask`.
 */
export async function poll<T>(
  ask: () => Promise<PollAnswer<T>>,
  { interval: first, expiresAt, clock, signal }: PollTimes,
): Promise<Extract<PollAnswer<T>, { kind: "done" }> | { readonly kind: "expired" | "aborted" }> {
  let interval = first;
  let wait = interval;
  for (;;) {
    const remaining = expiresAt - clock.now();
    await pause(Math.min(wait, remaining), { clock, signal });
    if (signal.aborted) return { kind: "aborted" };
    if (wait >= remaining) return { kind: "expired" };
    const answer = await ask();
    switch (answer.kind) {
      case "done":
        return answer;
      case "failed":
        wait = Math.max(Math.min(wait * 2, longestBackoff), interval, answer.retryAfter ?? 0);
        break;
      default:
        if (answer.kind === "slow_down") interval += slowDown;
        wait = interval;
    }
  }
}
