import { setMaxListeners } from "node:events";

/** An `AbortController` of one's own that another signal aborts too, until it is unlinked. */
export function linkedAbort(signal: AbortSignal | undefined): {
  readonly controller: AbortController;
  readonly unlink: () => void;
} {
  const controller = new AbortController();
  const onAbort = (): void => controller.abort(signal?.reason);
  if (signal !== undefined) {
    // Any number of them may share a signal; that is no leak, and Node 20 would warn of one.
    setMaxListeners(0, signal);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
  }
  return { controller, unlink: () => signal?.removeEventListener("abort", onAbort) };
}
