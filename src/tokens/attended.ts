import type { Clock, ClockTimer } from "../lib/clock.js";
import { untilAborted } from "../lib/until-aborted.js";
import type { Token } from "./token.js";

export interface Attendance {
  readonly clock: Clock;
  /** Detaches this caller, who gets the error. */
  readonly signal: AbortSignal | undefined;
  readonly aborted: () => Error;
  /** What there is instead from a moment on (milliseconds since the epoch), if there is something then. */
  readonly stopgap: { readonly at: number | undefined; readonly token: () => Token | undefined };
}

// Longer than anybody waits, and the longest that `setTimeout` takes.
const everLong = 2 ** 31 - 1;

/**
 * Waits as one caller among others. What they wait for may be a renewal that began in the background, whose timers keep
 * no process alive: those who wait do.
 */
export async function attended(answer: Promise<Token>, attendance: Attendance): Promise<Token> {
  const { clock, signal, aborted, stopgap } = attendance;
  let awake: ClockTimer | undefined;
  const instead = new Promise<Token>((resolve) => {
    const wait = (milliseconds: number): void => {
      awake = clock.setTimeout(() => {
        wait(everLong);
        const token = stopgap.token();
        if (token !== undefined) resolve(token);
      }, milliseconds);
    };
    wait(stopgap.at === undefined ? everLong : stopgap.at - clock.now());
  });
  try {
    const first = stopgap.at === undefined ? answer : Promise.race([answer, instead]);
    return await untilAborted(first, signal, aborted);
  } finally {
    awake?.cancel();
  }
}
