import type { Clock, ClockTimer } from "../lib/clock.js";
import { untilAborted } from "../lib/wait.js";
import type { Token } from "./token.js";

export interface SharedWait {
  readonly clock: Clock;
  /** Detaches this caller, which gets the error `aborted()`. */
  readonly signal: AbortSignal | undefined;
  readonly aborted: () => Error;
  /** From `at` on (milliseconds since the epoch), `token()` replaces the shared result if it returns a token. */
  readonly stale: { readonly at: number | undefined; readonly token: () => Token | undefined };
}

// The longest delay of `setTimeout`. No caller waits that long.
const longestTimer = 2 ** 31 - 1;

/**
 * Waits for a shared request as one of its callers. The request may have begun in the background, where its timers do
 * not keep the process alive. This wait does.
 */
export function waitForShared(result: Promise<Token>, options: SharedWait): Promise<Token> {
  const { clock, signal, aborted, stale } = options;
  let keepAlive: ClockTimer | undefined;
  const fallback = new Promise<Token>((resolve) => {
    const wait = (milliseconds: number): void => {
      keepAlive = clock.setTimeout(() => {
        wait(longestTimer);
        const token = stale.token();
        if (token !== undefined) resolve(token);
      }, milliseconds);
    };
    wait(stale.at === undefined ? longestTimer : stale.at - clock.now());
  });
  const first = stale.at === undefined ? result : Promise.race([result, fallback]);
  return untilAborted(first, signal, aborted).finally(() => keepAlive?.cancel());
}
