import { expectListeners } from "./abort-signal.js";

/**
 * Waits for `work` or for `signal`, whichever comes first. The work goes on after an abort: this is how one caller
 * leaves a request that others share. No listener stays behind, and a rejection of abandoned work is not unhandled.
 */
export function untilAborted<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  aborted: () => Error,
): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(aborted());
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    expectListeners(signal);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
