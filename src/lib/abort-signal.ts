import { setMaxListeners } from "node:events";
import { hasErrorCode } from "../errors/expected-errors.js";

/**
 * Returns whether a value can be used as an `AbortSignal`. Looks at the members, because test runners and polyfills
 * have their own classes.
 */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== "object" || value === null) return false;
  if (!("aborted" in value) || typeof value.aborted !== "boolean") return false;
  return (["addEventListener", "removeEventListener"] as const).every(
    // `Reflect.get`, because the type does not say which members the object has.
    (name) => typeof Reflect.get(value, name) === "function",
  );
}

/** Lets any number of calls listen to a signal. By default, Node warns of a memory leak beyond ten listeners. */
export function allowManyListeners(signal: AbortSignal): void {
  try {
    setMaxListeners(0, signal);
  } catch (error) {
    // The signal comes from a polyfill, which does not count its listeners.
    if (!hasErrorCode(error, "ERR_INVALID_ARG_TYPE")) throw error;
  }
}

/**
 * Calls `listener` once when the signal is aborted, or at once if it already is. Returns a function that removes the
 * listener. Does nothing without a signal.
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (signal === undefined) return () => {};
  if (signal.aborted) {
    listener();
    return () => {};
  }
  allowManyListeners(signal);
  signal.addEventListener("abort", listener, { once: true });
  return () => signal.removeEventListener("abort", listener);
}

/** Returns a new `AbortController` that is also aborted with `signal`, until `unlink` is called. */
export function linkedAbort(signal: AbortSignal | undefined): {
  readonly controller: AbortController;
  readonly unlink: () => void;
} {
  const controller = new AbortController();
  const unlink = onAbort(signal, () => controller.abort(signal?.reason));
  return { controller, unlink };
}
