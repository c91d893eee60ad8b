import type { Clock } from "./clock.js";
import { timeLimit } from "./time-limit.js";

/** Resolves when `work` has ended, whichever way, or when the time is over. Keeps the process alive meanwhile. */
export async function settledWithin(
  work: Promise<unknown>,
  milliseconds: number,
  clock: Clock,
): Promise<void> {
  await new Promise<void>((resolve) => {
    const limit = timeLimit(clock, milliseconds, resolve, { attended: true });
    const end = (): void => {
      limit.cancel();
      resolve();
    };
    work.then(end, end);
  });
}
