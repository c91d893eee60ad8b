import { onAbort } from "../lib/abort-signal.js";
import type { CommandIo, ProcessIo } from "./io.js";

/** Milliseconds until a person wonders what the command waits for. */
const patience = 1_000;

/** Returns the function that waits for work, and shows on a terminal what it waits for if that takes long. */
export function waiter({
  showProgress,
  signal,
}: Pick<ProcessIo, "showProgress" | "signal">): CommandIo["waitFor"] {
  if (showProgress === undefined) return (_what, work) => work;
  return async (what, work) => {
    let hide: (() => void) | undefined;
    const timer = setTimeout(() => {
      if (!signal.aborted) hide = showProgress(what);
    }, patience);
    const stop = (): void => {
      clearTimeout(timer);
      hide?.();
      hide = undefined;
    };
    // An interrupt ends the command without waiting for the work.
    const forget = onAbort(signal, stop);
    try {
      return await work;
    } finally {
      forget();
      stop();
    }
  };
}
