import { expectListeners } from "./abort-signal.js";
import type { Clock } from "./clock.js";

interface PauseOptions {
  readonly clock: Clock;
  /** Ends it before its time. */
  readonly signal?: AbortSignal | undefined;
  /** Nobody may be waiting for what comes after: it keeps no process alive. */
  readonly unref?: boolean | undefined;
}

/** Waits so many milliseconds, or until the signal is aborted. Nothing stays behind. */
export async function pause(milliseconds: number, { clock, signal, unref }: PauseOptions): Promise<void> {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      timer.cancel();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.setTimeout(end, milliseconds);
    if (unref === true) timer.unref();
    if (signal === undefined) return;
    expectListeners(signal);
    signal.addEventListener("abort", end, { once: true });
  });
}
