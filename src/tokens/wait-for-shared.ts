import type { Clock, ClockTimer } from "../lib/clock.js";
import { untilAborted } from "../lib/wait.js";
import type { Token } from "./token.js";

export interface SharedWait {
  readonly clock: Clock;
  /** Detaches this caller, who gets the error. */
  readonly signal: AbortSignal | undefined;
  readonly aborted: () => Error;
  /** What there is instead from a moment on (milliseconds since the epoch), if there is something then. */
  readonly stale: { readonly at: number | undefined; readonly token: () => Token | undefined };
}

// Longer than anybody waits, and the longest that `setTimeout` takes.
const longestTimer = 2 ** 31 - 1;

/**
 * Waits as one caller among others. What they wait for may be a renewal that began in the background, whose timers keep
 * no process alive: those who wait do.
 */
export async function waitForShared(answer: Promise<Token>, attendance: SharedWait): Promise<Token> {
  const { clock, signal, aborted, stale } = attendance;
  let keepAlive: ClockTimer | undefined;
  const instead = new Promise<Token>((resolve) => {
    const wait = (milliseconds: number): void => {
      keepAlive = clock.setTimeout(() => {
        wait(longestTimer);
        const token = stale.token();
        if (token !== undefined) resolve(token);
      }, milliseconds);
    };
    wait(stale.at === undefined ? longestTimer : stale.at - clock.now());
  });
  try {
    const first = stale.at === undefined ? answer : Promise.race([answer, instead]);
    return await untilAborted(first, signal, aborted);
  } finally {
    keepAlive?.cancel();
  }
}
