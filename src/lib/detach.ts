import { McpAuthError } from "../errors/error.js";

/**
 * Waits for work that others share, as long as this caller's signal lets it. The abort detaches this caller alone,
 * with `aborted`; the work goes on. No listener stays behind, and a rejection of work that nobody waits for any
 * more is not unhandled.
 */
export function detach<T>(shared: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return shared;
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new McpAuthError("aborted", "The caller's signal was aborted."));
    const end = () => signal.removeEventListener("abort", onAbort);
    shared.then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        reject(error);
      },
    );
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}
