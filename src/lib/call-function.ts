import { expectListeners } from "./abort-signal.js";
import { type Clock, systemClock } from "./clock.js";
import { untilAborted } from "./until-aborted.js";

export type CallOutcome =
  | { readonly kind: "done"; readonly value: unknown }
  /** What it threw is dropped: it may carry anything. */
  | { readonly kind: "threw" }
  | { readonly kind: "late" }
  | { readonly kind: "aborted" };

export interface CallLimits {
  /** Milliseconds. */
  readonly timeout: number;
  /** Measures `timeout`; the system's unless told. */
  readonly clock?: Clock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Calls a function that a user of this package wrote, and waits for it no longer than the limits say, whether or not it
 * heeds the signal that it is given. Never rejects.
 */
export async function callFunction(
  work: (signal: AbortSignal) => unknown,
  { timeout, clock = systemClock, signal }: CallLimits,
): Promise<CallOutcome> {
  const controller = new AbortController();
  let ended: "late" | "aborted" | undefined;
  const end = (how: "late" | "aborted") => () => {
    ended ??= how;
    controller.abort();
  };
  const onAbort = end("aborted");
  if (signal !== undefined) {
    expectListeners(signal);
    signal.addEventListener("abort", onAbort, { once: true });
  }
  if (signal?.aborted) onAbort();
  const timer = clock.setTimeout(end("late"), timeout);
  timer.unref();
  try {
    // One that throws at once is no other than one that rejects.
    const answer = Promise.resolve().then(() => work(controller.signal));
    return { kind: "done", value: await untilAborted(answer, controller.signal, () => new Error("ended")) };
  } catch {
    return { kind: ended ?? "threw" };
  } finally {
    timer.cancel();
    signal?.removeEventListener("abort", onAbort);
  }
}
