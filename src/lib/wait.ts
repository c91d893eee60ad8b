import { linkedAbort, onAbort } from "./abort-signal.js";
import type { Clock } from "./clock.js";
import { timeLimit } from "./time-limit.js";

interface PauseOptions {
  readonly clock: Clock;
  /** Ends the pause early. */
  readonly signal?: AbortSignal | undefined;
  /** Whether the process may exit during the pause; `false` by default. */
  readonly unref?: boolean | undefined;
}

/** Waits for a number of milliseconds, or until the signal is aborted. Never rejects. */
export async function pause(
  milliseconds: number,
  { clock, signal, unref = false }: PauseOptions,
): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      timer.cancel();
      stopListening();
      resolve();
    };
    const timer = clock.setTimeout(end, milliseconds);
    if (unref) timer.unref();
    const stopListening = onAbort(signal, end);
  });
}

/**
 * Waits for `work`, and rejects with `aborted()` if the signal is aborted first. The work itself continues: this is how
 * one caller leaves a request that it shares with others. If the work fails later, nobody sees an unhandled rejection.
 */
export function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  aborted: () => Error,
): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const stopListening = onAbort(signal, () => reject(aborted()));
    work.then(resolve, reject).finally(stopListening);
  });
}

interface WithinTimeOptions {
  readonly clock: Clock;
  /** Whether the process may exit while it waits; `false` by default. */
  readonly unref?: boolean;
  /** How the time is measured: `timeLimit` by default, or `workingTimeLimit`. */
  readonly limit?: typeof timeLimit;
}

/** Waits for `work`, and rejects with `late()` if it takes longer than a number of milliseconds. The work continues. */
export async function withinTime<T>(
  work: Promise<T>,
  milliseconds: number,
  late: () => Error,
  { clock, unref = false, limit = timeLimit }: WithinTimeOptions,
): Promise<T> {
  const passed = new AbortController();
  const timer = limit(clock, milliseconds, () => passed.abort(), { unref });
  try {
    return await untilAborted(work, passed.signal, late);
  } finally {
    timer.cancel();
  }
}

/**
 * Runs `work` with a signal that is aborted after a number of milliseconds, or when the given signal is. Waits for the
 * work in any case.
 */
export async function abortedAfter<T>(
  milliseconds: number,
  { clock, signal, unref = false }: PauseOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { controller, unlink } = linkedAbort(signal);
  const limit = timeLimit(clock, milliseconds, () => controller.abort(), { unref });
  try {
    return await work(controller.signal);
  } finally {
    limit.cancel();
    unlink();
  }
}

/**
 * Waits until `work` has succeeded or failed, but no longer than a number of milliseconds. Never rejects. Keeps the
 * process alive meanwhile.
 */
export async function settledWithin(
  work: Promise<unknown>,
  milliseconds: number,
  clock: Clock,
): Promise<void> {
  await new Promise<void>((resolve) => {
    const limit = timeLimit(clock, milliseconds, resolve, { unref: false });
    const end = (): void => {
      limit.cancel();
      resolve();
    };
    work.then(end, end);
  });
}
