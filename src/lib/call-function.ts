import { onAbort } from "./abort-signal.js";
import { type Clock, systemClock } from "./clock.js";
import { untilAborted } from "./wait.js";

export type CallOutcome =
  | { readonly kind: "done"; readonly value: unknown }
  /** The error is dropped, because it may contain a secret. */
  | { readonly kind: "threw" }
  | { readonly kind: "late" }
  | { readonly kind: "aborted" };

export interface CallLimits {
  /** Milliseconds. */
  readonly timeout: number;
  /** Measures `timeout`; the system clock by default. */
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls a function that a user of this package wrote, such as a resolver. Waits no longer than the limits allow, even
 * if the function ignores the signal that it gets. Never rejects.
 */
export async function callFunction(
  work: (signal: AbortSignal) => unknown,
  { timeout, clock = systemClock, signal }: CallLimits,
): Promise<CallOutcome> {
  const controller = new AbortController();
  let ended: "late" | "aborted" | undefined;
  const end = (reason: "late" | "aborted") => () => {
    ended ??= reason;
    controller.abort();
  };
  const stopListening = onAbort(signal, end("aborted"));
  const timer = clock.setTimeout(end("late"), timeout);
  timer.unref();
  try {
    // In `then`, so that a function that throws is handled like one that rejects.
    const answer = Promise.resolve().then(() => work(controller.signal));
    return {
      kind: "done",
      value: await untilAborted(answer, controller.signal, () => new Error("The call was ended.")),
    };
  } catch {
    return { kind: ended ?? "threw" };
  } finally {
    timer.cancel();
    stopListening();
  }
}
