import { setMaxListeners } from "node:events";

/** Whether it can be used as an `AbortSignal`. By its members: test runners and polyfills have classes of their own. */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== "object" || value === null) return false;
  if (!("aborted" in value) || typeof value.aborted !== "boolean") return false;
  return (["addEventListener", "removeEventListener"] as const).every(
    // Any object may have a member of any name.
    (name) => typeof Reflect.get(value, name) === "function",
  );
}

/** Any number of calls may share a signal; that is no leak, and Node 20 would warn of one. */
export function expectListeners(signal: AbortSignal): void {
  try {
    setMaxListeners(0, signal);
  } catch {
    // It is not one of Node's own, and nobody counts.
  }
}
